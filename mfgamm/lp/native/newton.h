// One step of the Newton system's factorisation and solves; see the Python modules `newton`
// (elimination of the balance) and `block_tridiagonal` (the cancellation-free Riccati sweep).
#pragma once

#include "program.h"

struct Factor {
  Lanes variance[VARIABLES];                // D⁻¹
  Lanes per_weight;                         // 1 / Σ variance of a step's flows
  PerStore<Lanes> cross;                    // coupling between balance and storage equations
  PerStore<Lanes> inverse[STORES + 1];      // of the pivot block
};

// Inverse of a small symmetric positive semidefinite matrix by the sweep operator. A pivot lost to
// rounding stands for a dependent or empty equation: its multiplier becomes zero.
static inline void invert(PerStore<Lanes>* a) {
  PerStore<Lanes> threshold;
  for (int k = 0; k < STORES; ++k) threshold[k] = 1e-14 * a[k][k];
  for (int k = 0; k < STORES; ++k) {
    Mask lost = a[k][k] <= threshold[k];
    Lanes reciprocal = select(lost, Lanes{}, 1.0 / select(lost, every(1.0), a[k][k]));
    PerStore<Lanes> row, column;
    for (int j = 0; j < STORES; ++j) row[j] = a[k][j] * reciprocal, column[j] = a[j][k];
    for (int i = 0; i < STORES; ++i)
      for (int j = 0; j < STORES; ++j) a[i][j] -= column[i] * row[j];
    for (int j = 0; j < STORES; ++j) a[k][j] = a[j][k] = row[j];
    a[k][k] = -reciprocal;
  }
  for (int i = 0; i < STORES; ++i)
    for (int j = 0; j < STORES; ++j) a[i][j] = -a[i][j];
}

// Factorises one step from its variances. `carried` is a²·W(W + R)⁻¹R of the step before, and
// becomes this step's.
static inline void factorise(const Gains<Lanes>& gain, Factor& factor, PerStore<Lanes>* carried) {
  const Lanes* d = factor.variance;
  Lanes traded = d[0];
  for (int e = 1; e < EXCHANGES; ++e) traded += d[e];
  Lanes weight = traded;
  PerStore<Lanes> own;
  for (int i = 0; i < STORES; ++i) {
    own[i] = d[in(i)] + d[out(i)];
    weight += own[i];
    factor.cross[i] = gain.in[i] * d[in(i)] + gain.out[i] * d[out(i)];
  }
  Lanes per_weight = 1.0 / select(weight > 0.0, weight, every(1.0));
  factor.per_weight = per_weight;
  PerStore<Lanes> remainder[STORES + 1];
  for (int i = 0; i < STORES; ++i) {
    // S − C²/W as a sum of products of variances: the plain difference loses every digit when one
    // store's flows dominate the balance.
    Lanes others = traded, loss = gain.in[i] - gain.out[i];
    for (int j = 0; j < STORES; ++j)
      if (j != i) others += own[j];
    Lanes squared = gain.in[i] * gain.in[i] * d[in(i)] + gain.out[i] * gain.out[i] * d[out(i)];
    Lanes spread = d[in(i)] * d[out(i)] * loss * loss;
    for (int j = 0; j < STORES; ++j) {
      Lanes block = i == j ? (squared * others + spread) * per_weight
                           : -factor.cross[i] * factor.cross[j] * per_weight;
      remainder[i][j] = block + carried[i][j];
      factor.inverse[i][j] = remainder[i][j];
    }
    factor.inverse[i][i] += d[state(i)];
  }
  invert(factor.inverse);
  PerStore<Lanes> parallel[STORES + 1];
  for (int i = 0; i < STORES; ++i)
    for (int j = 0; j < STORES; ++j) {
      Lanes product = factor.inverse[i][0] * remainder[0][j];
      for (int k = 1; k < STORES; ++k) product += factor.inverse[i][k] * remainder[k][j];
      parallel[i][j] = d[state(i)] * product;
    }
  for (int i = 0; i < STORES; ++i)
    for (int j = 0; j < STORES; ++j)
      carried[i][j] =
          0.5 * gain.retention[i] * gain.retention[j] * (parallel[i][j] + parallel[j][i]);
}

static inline void multiply_inverse(const Factor& factor, const Lanes* vector, Lanes* product) {
  for (int i = 0; i < STORES; ++i) {
    product[i] = factor.inverse[i][0] * vector[0];
    for (int j = 1; j < STORES; ++j) product[i] += factor.inverse[i][j] * vector[j];
  }
}

// What a forward sweep hands to the next step.
struct Forward {
  PerStore<Lanes> pushed = {};    // variance·r₁ of the states
  PerStore<Lanes> variance = {};  // of the states
  PerStore<Lanes> solved = {};
};

// Forward substitution at one step: reduces (r₁, r₂) to `reduced` = [balance | storage].
static inline void substitute_forward(const Gains<Lanes>& gain, const Factor& factor,
                                      const Lanes* r1, const Lanes* r2, Forward& carry,
                                      Lanes* reduced) {
  Lanes pushed[VARIABLES], shifted[EQUATIONS];
  for (int j = 0; j < VARIABLES; ++j) pushed[j] = factor.variance[j] * r1[j];
  apply(gain, pushed, carry.pushed, shifted);
  reduced[0] = r2[0] - shifted[0];
  PerStore<Lanes> right;
  for (int i = 0; i < STORES; ++i) {
    right[i] = r2[1 + i] - shifted[1 + i] + factor.cross[i] * (reduced[0] * factor.per_weight) +
               gain.retention[i] * carry.variance[i] * carry.solved[i];
    carry.pushed[i] = pushed[state(i)];
    carry.variance[i] = factor.variance[state(i)];
  }
  multiply_inverse(factor, right, carry.solved);
  for (int i = 0; i < STORES; ++i) reduced[1 + i] = carry.solved[i];
}

// Back substitution at one step: `reduced` becomes Δy, `r1` the step Δv before scaling by the
// variance. `after` are the storage multipliers' steps a step later, and become this one's.
static inline void substitute_back(const Gains<Lanes>& gain, const Factor& factor, Lanes* reduced,
                                   Lanes* r1, Lanes* after) {
  PerStore<Lanes> coupled, correction;
  for (int i = 0; i < STORES; ++i)
    coupled[i] = gain.retention[i] * factor.variance[state(i)] * after[i];
  multiply_inverse(factor, coupled, correction);
  for (int i = 0; i < STORES; ++i) {
    reduced[1 + i] += correction[i];
    reduced[0] += factor.cross[i] * reduced[1 + i];
  }
  reduced[0] *= factor.per_weight;
  Lanes pulled[VARIABLES];
  transpose(gain, reduced, after, pulled);
  for (int j = 0; j < VARIABLES; ++j) r1[j] += pulled[j];
  for (int i = 0; i < STORES; ++i) after[i] = reduced[1 + i];
}
