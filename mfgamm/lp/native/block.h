// Programs of neighbouring lanes, brought from the caller's layout [variable, time, lane] into one
// piece of memory per lane, and solutions brought back: a cache line at a time both ways.
//
// A lane's memory holds its program until it is solved, and its solution afterwards.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "program.h"

constexpr int64_t BLOCK = 8;

// The caller's arrays. Without curvature or a start the pointers are null.
struct Problem {
  int64_t steps, lanes;
  const double *cost, *curvature, *lower, *upper, *balance, *inflow;
  const double *gain_in, *gain_out, *retention;
  const double *start_variables, *start_balance, *start_storage;
};

struct Answer {
  double *variables, *balance, *storage, *objective, *stiffness_lower, *stiffness_upper;
  int32_t* status;
  double *primal, *dual, *gap, *centrality;
  int32_t* iterations;
  double* bound;
};

// One lane's numbers, each group [time, …]. Solutions take the place of programs: variables that
// of `cost`, the bounds' stiffness that of `lower` and `upper`, multipliers that of `right`.
struct LaneMemory {
  double *cost, *lower, *upper, *right, *curvature, *start_variables, *start_multipliers;
};

struct Scalars {
  Gains<double> gain;
  double objective, primal, dual, gap, centrality, bound;
  int32_t status, iterations;
};

class Block {
 public:
  explicit Block(const Problem& problem)
      : steps_(problem.steps), width_(width(problem)), memory_(BLOCK * steps_ * width_) {}

  int64_t first = 0, count = 0, unsolved = 0;
  Scalars scalars[BLOCK];

  LaneMemory lane(int64_t i) {
    const int64_t group = steps_ * VARIABLES;
    double* base = memory_.data() + i * steps_ * width_;
    double* curvature = base + 3 * group + steps_ * EQUATIONS;
    double* start = curvature + (CURVED ? group : 0);
    return {base, base + group, base + 2 * group, base + 3 * group, curvature, start, start + group};
  }

  void load(const Problem& p, int64_t first_lane) {
    first = first_lane;
    count = unsolved = std::min(BLOCK, p.lanes - first);
    const bool warm = p.start_variables != nullptr;
    for (int j = 0; j < VARIABLES; ++j) {
      gather(p.cost, j, p.lanes, &LaneMemory::cost, VARIABLES, j);
      gather(p.lower, j, p.lanes, &LaneMemory::lower, VARIABLES, j);
      gather(p.upper, j, p.lanes, &LaneMemory::upper, VARIABLES, j);
      if (CURVED) gather(p.curvature, j, p.lanes, &LaneMemory::curvature, VARIABLES, j);
      if (warm) gather(p.start_variables, j, p.lanes, &LaneMemory::start_variables, VARIABLES, j);
    }
    for (int i = 0; i <= STORES; ++i) {
      gather(i ? p.inflow : p.balance, i ? i - 1 : 0, p.lanes, &LaneMemory::right, EQUATIONS, i);
      if (warm)
        gather(i ? p.start_storage : p.start_balance, i ? i - 1 : 0, p.lanes,
               &LaneMemory::start_multipliers, EQUATIONS, i);
    }
    for (int64_t lane = 0; lane < count; ++lane)
      for (int i = 0; i < STORES; ++i) {
        const int64_t at = i * p.lanes + first + lane;
        scalars[lane].gain.in[i] = p.gain_in[at];
        scalars[lane].gain.out[i] = p.gain_out[at];
        scalars[lane].gain.retention[i] = p.retention[at];
      }
  }

  void store(const Answer& a, int64_t lanes) {
    for (int j = 0; j < VARIABLES; ++j) {
      scatter(a.variables, j, lanes, &LaneMemory::cost, VARIABLES, j);
      scatter(a.stiffness_lower, j, lanes, &LaneMemory::lower, VARIABLES, j);
      scatter(a.stiffness_upper, j, lanes, &LaneMemory::upper, VARIABLES, j);
    }
    for (int i = 0; i <= STORES; ++i)
      scatter(i ? a.storage : a.balance, i ? i - 1 : 0, lanes, &LaneMemory::right, EQUATIONS, i);
    for (int64_t lane = 0; lane < count; ++lane) {
      const Scalars& s = scalars[lane];
      const int64_t at = first + lane;
      a.objective[at] = s.objective, a.bound[at] = s.bound;
      a.primal[at] = s.primal, a.dual[at] = s.dual, a.gap[at] = s.gap;
      a.centrality[at] = s.centrality;
      a.status[at] = s.status, a.iterations[at] = s.iterations;
    }
  }

 private:
  int64_t steps_, width_;
  std::vector<double> memory_;

  static int64_t width(const Problem& p) {
    const int64_t start = p.start_variables ? VARIABLES + EQUATIONS : 0;
    return (CURVED ? 4 : 3) * VARIABLES + EQUATIONS + start;
  }

  // Row `row` of [row, time, lane] into the lanes' memory, at `offset` of every `stride` numbers.
  void gather(const double* from, int64_t row, int64_t lanes, double* LaneMemory::* group,
              int stride, int offset) {
    for (int64_t i = 0; i < count; ++i) target_[i] = lane(i).*group + offset;
    for (int64_t t = 0; t < steps_; ++t) {
      const double* source = from + (row * steps_ + t) * lanes + first;
      for (int64_t i = 0; i < count; ++i) target_[i][t * stride] = source[i];
    }
  }

  void scatter(double* to, int64_t row, int64_t lanes, double* LaneMemory::* group, int stride,
               int offset) {
    for (int64_t i = 0; i < count; ++i) target_[i] = lane(i).*group + offset;
    for (int64_t t = 0; t < steps_; ++t) {
      double* target = to + (row * steps_ + t) * lanes + first;
      for (int64_t i = 0; i < count; ++i) target[i] = target_[i][t * stride];
    }
  }

  double* target_[BLOCK];
};
