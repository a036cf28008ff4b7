// One step of the Newton system, eliminated without cancellation; see the Python module
// `elimination`.
#pragma once

#include "dominant.h"

// A step's factors, in relative multipliers: λ = share·β + ε.
struct Factor {
  Lanes variance[VARIABLES];          // D⁻¹
  Triangle storage;                   // factors of the storage block H
  PerStore<Lanes> share;              // of the balance's multiplier in a store's
  PerStore<Lanes> loss_in, loss_out;  // 1 − gain·share
  PerStore<Lanes> excess, shortfall;  // H·share − C; H⁻¹ times that
  Lanes per_pivot;                    // of the balance, once the stores are eliminated
};

// The same step with the balance eliminated first.
struct Pivot {
  PerStore<Lanes> inverse[STORED];
  PerStore<Lanes> cross;  // C, coupling between balance and storage equations
  Lanes per_weight;       // 1 / Σ variance of a step's flows
};

static inline void multiply(const PerStore<Lanes>* matrix, const Lanes* vector, Lanes* product) {
  for (int i = 0; i < STORES; ++i) {
    product[i] = matrix[i][0] * vector[0];
    for (int j = 1; j < STORES; ++j) product[i] += matrix[i][j] * vector[j];
  }
}

static inline void multiply_inverse(const Pivot& pivot, const Lanes* vector, Lanes* product) {
  multiply(pivot.inverse, vector, product);
}

// Gains to divide by: those of a store that a lane does not have may be zero.
static inline Lanes proper(Lanes gain) { return select(gain > 0.0, gain, every(1.0)); }

// What one step's factorisation hands to the next: a²·W(W + R)⁻¹R. Reciprocals are taken once.
struct Carried {
  explicit Carried(const Gains<Lanes>& gain) {
    for (int i = 0; i < STORES; ++i) {
      per_in[i] = 1.0 / proper(gain.in[i]);
      per_out[i] = 1.0 / proper(gain.out[i]);
      per_kept[i] = 1.0 / proper(gain.retention[i]);
    }
  }
  Dominant matrix{};
  PerStore<Lanes> per_in, per_out, per_kept;
};

// What a step's flows contribute to the Newton matrix.
struct Flows {
  Lanes trade;
  PerStore<Lanes> into, from;  // variance·gain
  PerStore<Lanes> diagonal;    // Σ variance·gain²
};

static inline Flows collect_flows(const Gains<Lanes>& gain, const Lanes* d, Pivot& pivot) {
  Flows flows;
  flows.trade = d[0];
  for (int e = 1; e < EXCHANGES; ++e) flows.trade += d[e];
  Lanes weight = flows.trade;
  for (int i = 0; i < STORES; ++i) {
    flows.into[i] = gain.in[i] * d[in(i)], flows.from[i] = gain.out[i] * d[out(i)];
    flows.diagonal[i] = gain.in[i] * flows.into[i] + gain.out[i] * flows.from[i];
    pivot.cross[i] = flows.into[i] + flows.from[i];
    weight += d[in(i)] + d[out(i)];
  }
  pivot.per_weight = 1.0 / select(weight > 0.0, weight, every(1.0));
  return flows;
}

// Weighs what is carried by the flow that dominates a store, if that is larger than what is carried.
static inline void weigh_by_flows(const Gains<Lanes>& gain, const Flows& flows, Carried& carried) {
  PerStore<Lanes> weight, per_weight;
  Dominant& matrix = carried.matrix;
  for (int i = 0; i < STORES; ++i) {
    const Mask filling = flows.into[i] >= flows.from[i];
    const Mask flowing = flows.diagonal[i] >= matrix.diagonal(i);
    const Lanes typical = select(filling, proper(gain.in[i]), proper(gain.out[i]));
    const Lanes usual = select(filling, carried.per_in[i], carried.per_out[i]);
    per_weight[i] = select(flowing, typical, matrix.per_weight[i]);
    weight[i] = select(flowing, usual, matrix.weight[i]);
  }
  reweigh(matrix, weight, per_weight);
}

// What rows have in excess, by the weights of what is carried: the balance's, and the stores' from
// all but their states.
struct Excess {
  Lanes balance;
  PerStore<Lanes> storage;
};

// Relative multipliers: λ = share·β + ε. A store whose flows outweigh all else in excess follows the
// balance; for others the share is zero. Returns what of the balance then is unmatched.
static inline Lanes relate(const Gains<Lanes>& gain, const Flows& flows, const Dominant& carried,
                           const Pivot& pivot, Factor& factor, Excess& excess) {
  const Lanes* d = factor.variance;
  Lanes unmatched = excess.balance = flows.trade;
  PerStore<Lanes> spare;
  for (int i = 0; i < STORES; ++i) {
    const Lanes weight = carried.weight[i], typical = carried.per_weight[i];
    const Lanes apart = carried.excess[i] + d[state(i)] * weight;
    const Lanes loss_in = (typical - gain.in[i]) * weight;
    const Lanes loss_out = (typical - gain.out[i]) * weight;
    const Lanes lost = flows.into[i] * loss_in + flows.from[i] * loss_out;
    const Lanes kept = d[in(i)] * loss_in + d[out(i)] * loss_out;
    const Mask follows = flows.diagonal[i] * weight > apart;
    factor.share[i] = select(follows, weight, Lanes{});
    factor.loss_in[i] = select(follows, loss_in, every(1.0));
    factor.loss_out[i] = select(follows, loss_out, every(1.0));
    factor.excess[i] = select(follows, apart - lost, -pivot.cross[i]);
    excess.storage[i] = carried.excess[i] - lost;
    excess.balance += kept;
    unmatched += select(follows, kept, d[in(i)] + d[out(i)]);
    spare[i] = select(follows, Lanes{}, weight);
  }
  for (int i = 0; i < STORES; ++i)
    for (int j = 0; j < STORES; ++j)
      if (j != i)
        factor.excess[i] += carried.coupling[i][j] *
                            select(factor.share[i] > 0.0, spare[j], spare[j] - carried.weight[j]);
  return unmatched;
}

// What the states hand on, a²·(W − W·K⁻¹·W): its rows keep W·K⁻¹ of what rows have in excess.
static inline void carry(const Gains<Lanes>& gain, const Factor& factor, const Pivot& pivot,
                         const PerStore<Lanes>& reach, const Excess& excess, Carried& carried) {
  const Lanes* variance = factor.variance + state(0);
  Dominant& matrix = carried.matrix;
  PerStore<Lanes> left;
  multiply(pivot.inverse, excess.storage, left);
  for (int i = 0; i < STORES; ++i) {
    const Lanes retained = gain.retention[i] * variance[i];
    matrix.excess[i] = retained * (left[i] + reach[i] * factor.per_pivot * excess.balance);
    // Stores that lose are weighed the more.
    matrix.weight[i] *= carried.per_kept[i];
    matrix.per_weight[i] *= proper(gain.retention[i]);
    for (int j = 0; j < STORES; ++j)
      if (j != i)
        matrix.coupling[i][j] = retained * pivot.inverse[i][j] * gain.retention[j] * variance[j];
  }
}

// Factorises one step from its variances and what the step before has carried, which becomes what
// this one carries.
static inline void factorise(const Gains<Lanes>& gain, Factor& factor, Carried& carried,
                             Pivot& pivot) {
  const Flows flows = collect_flows(gain, factor.variance, pivot);
  weigh_by_flows(gain, flows, carried);
  Dominant storage = carried.matrix;
  for (int i = 0; i < STORES; ++i)
    storage.excess[i] += (flows.diagonal[i] + factor.variance[state(i)]) * storage.weight[i];
  factor.storage = invert(storage, pivot.inverse);
  Excess excess;
  Lanes balance = relate(gain, flows, carried.matrix, pivot, factor, excess);
  PerStore<Lanes> reach;
  multiply(pivot.inverse, pivot.cross, reach);
  for (int i = 0; i < STORES; ++i) {
    balance += reach[i] * factor.excess[i];
    factor.shortfall[i] = factor.excess[i];
  }
  factor.storage.solve(factor.shortfall);
  factor.per_pivot = reciprocal(balance);
  for (int i = 0; i < STORES; ++i)
    for (int j = 0; j < STORES; ++j)
      pivot.inverse[i][j] += reach[i] * reach[j] * factor.per_pivot;
  carry(gain, factor, pivot, reach, excess, carried);
}

static inline void factorise(const Gains<Lanes>& gain, Factor& factor, Carried& carried) {
  Pivot unused;
  factorise(gain, factor, carried, unused);
}

// Relative multipliers [β | ε] of a step, for right-hand sides of its storage equations and of the
// `whole`: the balance plus share times the storage equations.
static inline void solve_step(const Factor& factor, Lanes whole, const Lanes* storage,
                              Lanes* relative) {
  for (int i = 0; i < STORES; ++i) whole -= factor.shortfall[i] * storage[i];
  relative[0] = whole * factor.per_pivot;
  for (int i = 0; i < STORES; ++i) relative[1 + i] = storage[i] - factor.excess[i] * relative[0];
  factor.storage.solve(relative + 1);
}
