// How exchanges answer to their costs, summed over lanes: −∂e/∂cost, one dense matrix for all.
//
// Only the balance links exchanges, so what is needed of the Newton matrix's inverse is its balance
// part G, a T×T matrix per lane; its columns come from forward and back substitution.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "newton.h"

// Lanes are summed in this many parts, so that the sum does not depend on who did what.
constexpr int64_t PARTS = 32;

struct ResponseProblem {
  int64_t steps, lanes;
  const double *gain_in, *gain_out, *retention, *variance, *weights;

  int64_t size() const { return EXCHANGES * steps * EXCHANGES * steps; }
};

class ResponseWorker {
 public:
  ResponseWorker(const ResponseProblem& problem, std::vector<std::vector<double>>& parts,
                 std::atomic<int64_t>& next)
      : problem_(problem), parts_(parts), next_(next), factors_(problem.steps),
        solved_(problem.steps) {}

  void run() {
    const int64_t groups = (problem_.lanes + WIDTH - 1) / WIDTH;
    for (;;) {
      const int64_t part = next_.fetch_add(1);
      if (part >= PARTS) return;
      if (part >= groups) continue;
      parts_[part].assign(problem_.size(), 0.0);
      for (int64_t group = part; group < groups; group += PARTS) add(group, parts_[part].data());
    }
  }

 private:
  struct Solved {
    PerStore<Lanes> storage;
  };

  const ResponseProblem& problem_;
  std::vector<std::vector<double>>& parts_;
  std::atomic<int64_t>& next_;
  std::vector<Factor> factors_;
  std::vector<Solved> solved_;
  Gains<Lanes> gain_{};
  int64_t first_ = 0, count_ = 0;

  Lanes read(const double* array, int64_t row) const {
    Lanes numbers{};
    const double* source = array + row * problem_.lanes + first_;
    for (int64_t i = 0; i < count_; ++i) numbers[i] = source[i];
    return numbers;
  }

  void add(int64_t group, double* sum) {
    const int64_t T = problem_.steps;
    first_ = group * WIDTH;
    count_ = std::min<int64_t>(WIDTH, problem_.lanes - first_);
    for (int i = 0; i < STORES; ++i) {
      gain_.in[i] = read(problem_.gain_in, i);
      gain_.out[i] = read(problem_.gain_out, i);
      gain_.retention[i] = read(problem_.retention, i);
    }
    PerStore<Lanes> carried[STORES + 1] = {};
    for (int64_t t = 0; t < T; ++t) {
      for (int j = 0; j < VARIABLES; ++j)
        factors_[t].variance[j] = read(problem_.variance, j * T + t);
      factorise(gain_, factors_[t], carried);
    }
    const Lanes weights = read(problem_.weights, 0);
    for (int64_t source = 0; source < T; ++source) add_column(source, weights, sum);
  }

  // The column of G that belongs to the balance at `source`, from there on: G is symmetric.
  void add_column(int64_t source, Lanes weights, double* sum) {
    const int64_t T = problem_.steps;
    PerStore<Lanes> right;
    for (int i = 0; i < STORES; ++i)
      right[i] = factors_[source].cross[i] * factors_[source].per_weight;
    multiply_inverse(factors_[source], right, solved_[source].storage);
    for (int64_t t = source + 1; t < T; ++t) {
      for (int i = 0; i < STORES; ++i)
        right[i] = gain_.retention[i] * factors_[t - 1].variance[state(i)] *
                   solved_[t - 1].storage[i];
      multiply_inverse(factors_[t], right, solved_[t].storage);
    }
    PerStore<Lanes> after = {}, coupled, correction;
    for (int64_t t = T - 1; t >= source; --t) {
      const Factor& factor = factors_[t];
      Lanes balance = every(t == source ? 1.0 : 0.0);
      for (int i = 0; i < STORES; ++i)
        coupled[i] = gain_.retention[i] * factor.variance[state(i)] * after[i];
      multiply_inverse(factor, coupled, correction);
      for (int i = 0; i < STORES; ++i) {
        after[i] = solved_[t].storage[i] + correction[i];
        balance += factor.cross[i] * after[i];
      }
      add_entry(t, source, weights * balance * factor.per_weight, sum);
    }
  }

  void add_entry(int64_t t, int64_t source, Lanes inverse, double* sum) {
    const int64_t T = problem_.steps;
    for (int a = 0; a < EXCHANGES; ++a)
      for (int b = 0; b < EXCHANGES; ++b) {
        const Lanes va = factors_[t].variance[a], vb = factors_[source].variance[b];
        Lanes terms = -SIGN[a] * SIGN[b] * va * vb * inverse;
        double total = 0;
        for (int lane = 0; lane < WIDTH; ++lane) total += terms[lane];
        sum[((a * T + t) * EXCHANGES + b) * T + source] += total;
        if (t != source) sum[((b * T + source) * EXCHANGES + a) * T + t] += total;
      }
    // The direct part, var·(1 − …): of a variable to its own cost.
    if (t != source) return;
    const Lanes weights = read(problem_.weights, 0);
    for (int a = 0; a < EXCHANGES; ++a) {
      Lanes terms = weights * factors_[t].variance[a];
      double total = 0;
      for (int lane = 0; lane < WIDTH; ++lane) total += terms[lane];
      sum[((a * T + t) * EXCHANGES + a) * T + t] += total;
    }
  }
};
