// How exchanges answer to their costs: −∂e/∂cost, a dense matrix for each range of lanes, summed.
//
// Only the balance links exchanges, so what is needed of the Newton matrix's inverse is its balance
// part G, a T×T matrix per lane; its columns come from forward and back substitution.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "neighbours.h"
#include "newton.h"

// Lanes are summed in about this many parts, so that sums do not depend on who did what.
constexpr int64_t PARTS = 32;

struct ResponseProblem {
  int64_t steps, lanes, ranges;
  const double *gain_in, *gain_out, *retention, *variance, *weights;
  const int32_t* starts;  // of the ranges, and after the last one `lanes`

  int64_t size() const { return EXCHANGES * steps * EXCHANGES * steps; }
  int64_t parts_per_range() const { return std::max<int64_t>(1, PARTS / ranges); }
  int64_t parts() const { return ranges * parts_per_range(); }
};

class ResponseWorker {
 public:
  // `sums` has room for a matrix of each part.
  ResponseWorker(const ResponseProblem& problem, double* sums, std::atomic<int64_t>& next)
      : problem_(problem), sums_(sums), next_(next), factors_(problem.steps),
        pivots_(problem.steps), solved_(problem.steps) {}

  void run() {
    const int64_t stride = WIDTH * problem_.parts_per_range();
    for (;;) {
      const int64_t part = next_.fetch_add(1);
      if (part >= problem_.parts()) return;
      double* sum = sums_ + part * problem_.size();
      std::fill(sum, sum + problem_.size(), 0.0);
      const int64_t range = part / problem_.parts_per_range();
      const int64_t end = problem_.starts[range + 1];
      const int64_t begin = problem_.starts[range] + WIDTH * (part % problem_.parts_per_range());
      for (int64_t first = begin; first < end; first += stride)
        add(Neighbours(first, end, problem_.lanes), sum);
    }
  }

 private:
  struct Solved {
    PerStore<Lanes> storage;
  };

  const ResponseProblem& problem_;
  double* sums_;
  std::atomic<int64_t>& next_;
  std::vector<Factor> factors_;
  std::vector<Pivot> pivots_;
  std::vector<Solved> solved_;
  Gains<Lanes> gain_{};
  Lanes weights_{};

  void add(const Neighbours& here, double* sum) {
    const int64_t T = problem_.steps;
    gain_ = here.gains(problem_.gain_in, problem_.gain_out, problem_.retention);
    weights_ = here.read(problem_.weights, 0);
    Carried carried(gain_);
    for (int64_t t = 0; t < T; ++t) {
      for (int j = 0; j < VARIABLES; ++j)
        factors_[t].variance[j] = here.read(problem_.variance, j * T + t);
      factorise(gain_, factors_[t], carried, pivots_[t]);
    }
    for (int64_t source = 0; source < T; ++source) add_column(source, sum);
  }

  // The column of G that belongs to the balance at `source`, from there on: G is symmetric.
  void add_column(int64_t source, double* sum) {
    const int64_t T = problem_.steps;
    PerStore<Lanes> right;
    for (int i = 0; i < STORES; ++i)
      right[i] = pivots_[source].cross[i] * pivots_[source].per_weight;
    multiply_inverse(pivots_[source], right, solved_[source].storage);
    for (int64_t t = source + 1; t < T; ++t) {
      for (int i = 0; i < STORES; ++i)
        right[i] = gain_.retention[i] * factors_[t - 1].variance[state(i)] *
                   solved_[t - 1].storage[i];
      multiply_inverse(pivots_[t], right, solved_[t].storage);
    }
    PerStore<Lanes> after = {}, coupled, correction;
    for (int64_t t = T - 1; t >= source; --t) {
      const Factor& factor = factors_[t];
      Lanes balance = every(t == source ? 1.0 : 0.0);
      for (int i = 0; i < STORES; ++i)
        coupled[i] = gain_.retention[i] * factor.variance[state(i)] * after[i];
      multiply_inverse(pivots_[t], coupled, correction);
      for (int i = 0; i < STORES; ++i) {
        after[i] = solved_[t].storage[i] + correction[i];
        balance += pivots_[t].cross[i] * after[i];
      }
      add_entry(t, source, weights_ * balance * pivots_[t].per_weight, sum);
    }
  }

  void add_entry(int64_t t, int64_t source, Lanes inverse, double* sum) {
    const int64_t T = problem_.steps;
    for (int a = 0; a < EXCHANGES; ++a)
      for (int b = 0; b < EXCHANGES; ++b) {
        const Lanes va = factors_[t].variance[a], vb = factors_[source].variance[b];
        const double entry = total(-SIGN[a] * SIGN[b] * va * vb * inverse);
        sum[((a * T + t) * EXCHANGES + b) * T + source] += entry;
        if (t != source) sum[((b * T + source) * EXCHANGES + a) * T + t] += entry;
      }
    // The direct part, var·(1 − …): of a variable to its own cost.
    if (t != source) return;
    for (int a = 0; a < EXCHANGES; ++a)
      sum[((a * T + t) * EXCHANGES + a) * T + t] += total(weights_ * factors_[t].variance[a]);
  }
};
