// Substitution in the Newton system, step by step; see the Python modules `newton` (right-hand sides
// for relative multipliers) and `block_tridiagonal` (the sweeps over time).
#pragma once

#include "elimination.h"

// What a forward sweep hands to the next step: the states' moves as far as they are known.
struct Forward {
  PerStore<Lanes> moved = {};
};

// Forward substitution at one step: reduces (r₁, r₂) to `reduced`, relative multipliers.
static inline void substitute_forward(const Gains<Lanes>& gain, const Factor& factor,
                                      const Lanes* r1, const Lanes* r2, Forward& carry,
                                      Lanes* reduced) {
  Lanes pushed[VARIABLES], whole = r2[0];
  PerStore<Lanes> right;
  for (int j = 0; j < VARIABLES; ++j) pushed[j] = factor.variance[j] * r1[j];
  for (int e = 0; e < EXCHANGES; ++e) whole -= SIGN[e] * pushed[e];
  for (int i = 0; i < STORES; ++i) {
    const Lanes due = r2[1 + i] - pushed[state(i)] + gain.retention[i] * carry.moved[i];
    right[i] = due + gain.in[i] * pushed[in(i)] - gain.out[i] * pushed[out(i)];
    whole += factor.share[i] * due - factor.loss_in[i] * pushed[in(i)] +
             factor.loss_out[i] * pushed[out(i)];
  }
  solve_step(factor, whole, right, reduced);
  for (int i = 0; i < STORES; ++i)
    carry.moved[i] = pushed[state(i)] + factor.variance[state(i)] *
                                            (factor.share[i] * reduced[0] + reduced[1 + i]);
}

// Back substitution at one step: `reduced` becomes Δy, `r1` the step Δv before scaling by the
// variance. `after` are the storage multipliers' steps a step later, and become this one's.
static inline void substitute_back(const Gains<Lanes>& gain, const Factor& factor, Lanes* reduced,
                                   Lanes* r1, Lanes* after) {
  PerStore<Lanes> coupled;
  Lanes correction[EQUATIONS], whole{};
  for (int i = 0; i < STORES; ++i) {
    coupled[i] = gain.retention[i] * factor.variance[state(i)] * after[i];
    whole += factor.share[i] * coupled[i];
  }
  solve_step(factor, whole, coupled, correction);
  const Lanes balance = reduced[0] += correction[0];
  for (int e = 0; e < EXCHANGES; ++e) r1[e] += SIGN[e] * balance;
  for (int i = 0; i < STORES; ++i) {
    const Lanes beyond = reduced[1 + i] + correction[1 + i];
    reduced[1 + i] = factor.share[i] * balance + beyond;
    r1[in(i)] += factor.loss_in[i] * balance - gain.in[i] * beyond;
    r1[out(i)] += gain.out[i] * beyond - factor.loss_out[i] * balance;
    r1[state(i)] += reduced[1 + i] - gain.retention[i] * after[i];
    after[i] = reduced[1 + i];
  }
}
