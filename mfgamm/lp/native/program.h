// The shape of the programs that this library is compiled for, and the equations' matrix.
//
//   balance:  Σₖ signₖ·eₖ,t + Σᵢ (inᵢ,t − outᵢ,t)
//   storage:  xᵢ,t − retentionᵢ·xᵢ,t−1 − gain⁺ᵢ·inᵢ,t + gain⁻ᵢ·outᵢ,t
//
// Variables of a step are stacked as [exchanges e | in | out | states x], multipliers as
// [balance | storage], as in the Python module `storage_program`.
#pragma once

#include "lanes.h"

constexpr double SIGN[] = {MFGAMM_SIGNS};
constexpr int EXCHANGES = sizeof(SIGN) / sizeof(double);
constexpr int STORES = MFGAMM_STORES;
constexpr int VARIABLES = EXCHANGES + 3 * STORES;
constexpr int EQUATIONS = 1 + STORES;
constexpr bool CURVED = MFGAMM_CURVED;

constexpr int in(int store) { return EXCHANGES + store; }
constexpr int out(int store) { return EXCHANGES + STORES + store; }
constexpr int state(int store) { return EXCHANGES + 2 * STORES + store; }

// One number per store; never empty, so that programs without stores need no special case.
constexpr int STORED = STORES > 0 ? STORES : 1;
template <class Number>
using PerStore = Number[STORED];

template <class Number>
struct Gains {
  PerStore<Number> in, out, retention;
};

// A·v of one step; `before` are the states a step earlier.
template <class Number>
static inline void apply(const Gains<Number>& gain, const Number* v, const Number* before,
                         Number* left) {
  Number traded = SIGN[0] * v[0];
  for (int e = 1; e < EXCHANGES; ++e) traded += SIGN[e] * v[e];
  for (int i = 0; i < STORES; ++i) {
    traded += v[in(i)] - v[out(i)];
    left[1 + i] = v[state(i)] - gain.retention[i] * before[i] - gain.in[i] * v[in(i)] +
                  gain.out[i] * v[out(i)];
  }
  left[0] = traded;
}

// Aᵀ·y of one step; `after` are the storage multipliers a step later.
template <class Number>
static inline void transpose(const Gains<Number>& gain, const Number* y, const Number* after,
                             Number* right) {
  for (int e = 0; e < EXCHANGES; ++e) right[e] = SIGN[e] * y[0];
  for (int i = 0; i < STORES; ++i) {
    right[in(i)] = y[0] - gain.in[i] * y[1 + i];
    right[out(i)] = gain.out[i] * y[1 + i] - y[0];
    right[state(i)] = y[1 + i] - gain.retention[i] * after[i];
  }
}
