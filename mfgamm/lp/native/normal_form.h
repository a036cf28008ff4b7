// Between programs as they come and as the interior point wants them (bounds [0, span], costs and
// magnitudes of order one), lane by lane; see the Python module `normal_form`.
#pragma once

#include <cmath>

#include "block.h"
#include "interior_point.h"

// What a lane's costs and variables were divided by.
struct Scales {
  double cost = 1, size = 1;
};

static inline bool is_free(double lower, double upper) {
  return upper - lower > 1e-11 * (1.0 + std::abs(upper));
}

static inline Scales typical_scales(const LaneMemory& p, int64_t steps) {
  double smallest = INFINITY, imbalance = 0, steepest = 0;
  for (int j = 0; j < VARIABLES; ++j) {
    double widest = 0;
    for (int64_t k = j; k < steps * VARIABLES; k += VARIABLES)
      if (is_free(p.lower[k], p.upper[k])) widest = std::fmax(widest, p.upper[k] - p.lower[k]);
    if (widest > 0) smallest = std::fmin(smallest, widest);
  }
  for (int64_t t = 0; t < steps; ++t) imbalance = std::fmax(imbalance, std::abs(p.right[t * EQUATIONS]));
  double size = imbalance + (std::isfinite(smallest) ? smallest : 0.0);
  if (!(size > 0)) size = 1;
  for (int64_t k = 0; k < steps * VARIABLES; ++k) {
    if (!is_free(p.lower[k], p.upper[k])) continue;
    const double slope = CURVED ? std::abs(p.cost[k] + p.curvature[k] * p.lower[k]) + p.curvature[k] * size
                                : std::abs(p.cost[k]);
    steepest = std::fmax(steepest, slope);
  }
  return {steepest > 0 ? steepest : 1.0, size};
}

// Puts a lane's program into place `w` of the group, with the opening's first guess as its point.
static inline Scales seat(const LaneMemory& p, const Gains<double>& gain, double barrier,
                          int64_t steps, int w, Group& group) {
  const Scales scales = typical_scales(p, steps);
  const double worth = scales.cost * scales.size;
  double origin = 0, ceiling = 0, free_variables = 0;
  const PerStore<double> nothing = {};
  for (int i = 0; i < STORES; ++i) {
    group.gain.in[i][w] = gain.in[i];
    group.gain.out[i][w] = gain.out[i];
    group.gain.retention[i][w] = gain.retention[i];
  }
  for (int64_t t = 0; t < steps; ++t) {
    Stage& s = group.stage(t);
    const double *lower = p.lower + t * VARIABLES, *upper = p.upper + t * VARIABLES;
    for (int j = 0; j < VARIABLES; ++j) {
      const double curvature = CURVED ? p.curvature[t * VARIABLES + j] : 0.0;
      const double cost = p.cost[t * VARIABLES + j], slope = cost + curvature * lower[j];
      const bool free = is_free(lower[j], upper[j]);
      const double range = (upper[j] - lower[j]) / scales.size, span = free ? range : 0.0;
      s.cost[j][w] = slope / scales.cost;
      if (CURVED) s.curvature[j][w] = curvature * scales.size / scales.cost;
      s.span[j][w] = span;
      s.v[j][w] = 0.5 * std::fmin(span, 2.0);
      s.slack[j][w] = 1.0;
      s.lower[j][w] = s.upper[j][w] = 0.0;
      origin += lower[j] * (cost + 0.5 * curvature * lower[j]);
      ceiling += std::fmax(0.0, range * (slope / scales.cost +
                                         0.5 * curvature * scales.size / scales.cost * range));
      free_variables += free;
    }
    double left[EQUATIONS];
    apply(gain, lower, t > 0 ? lower - VARIABLES + state(0) : nothing, left);
    for (int j = 0; j < EQUATIONS; ++j) {
      s.right[j][w] = (p.right[t * EQUATIONS + j] - left[j]) / scales.size;
      s.y[j][w] = 0.0;
    }
  }
  group.barrier[w] = barrier / worth;
  group.origin[w] = origin / worth;
  group.unit[w] = std::fmin(1.0, std::fmax(1.0 / worth, FINEST_GAP / group.tolerance()));
  group.ceiling[w] = ceiling;
  group.value[w] = 0.0;
  group.pairs[w] = 2.0 * std::fmax(free_variables, 1.0);
  return scales;
}

// Replaces the first guess by the solution of a similar program, centred at the barrier. With costs
// of order one, slacks of a solution are about the barrier or larger: what now lies closer to its
// bounds, or outside, is pushed in that far.
static inline void seat_start(const LaneMemory& p, const Scales& scales, int64_t steps, int w,
                              Group& group) {
  const double barrier = group.barrier[w];
  double value = 0;
  for (int64_t t = 0; t < steps; ++t) {
    Stage& s = group.stage(t);
    for (int j = 0; j < VARIABLES; ++j) {
      const double span = s.span[j][w], margin = 0.1 * std::fmin(span, barrier);
      if (!(span > 0)) continue;
      const int64_t k = t * VARIABLES + j;
      const double wanted = (p.start_variables[k] - p.lower[k]) / scales.size;
      const double v = std::fmin(std::fmax(wanted, margin), span - margin);
      s.v[j][w] = v;
      s.slack[j][w] = span - v;
      s.lower[j][w] = barrier / v;
      s.upper[j][w] = barrier / (span - v);
      value += v * (s.cost[j][w] + (CURVED ? 0.5 * s.curvature[CURVED ? j : 0][w] * v : 0.0));
    }
    for (int j = 0; j < EQUATIONS; ++j)
      s.y[j][w] = p.start_multipliers[t * EQUATIONS + j] / scales.cost;
  }
  group.value[w] = value;
}

// Objective at the solution and the rigorous dual bound, from the program's own numbers; then the
// solution, in the program's units, takes the program's place in the lane's memory.
static inline void unseat(LaneMemory p, Scalars& scalars, const Scales& scales, int64_t steps, int w,
                          Group& group) {
  const double steepness = scales.cost / scales.size;
  double objective = 0, bound = 0;
  double y[EQUATIONS], after[EQUATIONS], pulled[VARIABLES];
  for (int64_t t = 0; t < steps; ++t) {
    const Stage& s = group.stage(t);
    for (int j = 0; j < EQUATIONS; ++j) {
      y[j] = s.y[j][w] * scales.cost;
      after[j] = t + 1 < steps ? group.stage(t + 1).y[j][w] * scales.cost : 0.0;
      bound += p.right[t * EQUATIONS + j] * y[j];
      p.right[t * EQUATIONS + j] = y[j];
    }
    transpose(scalars.gain, y, after + 1, pulled);
    for (int j = 0; j < VARIABLES; ++j) {
      const int64_t k = t * VARIABLES + j;
      const double lower = p.lower[k], upper = p.upper[k], reduced = p.cost[k] - pulled[j];
      const double curvature = CURVED ? p.curvature[k] : 0.0;
      double best = reduced > 0 ? lower : upper;
      if (curvature > 0) best = std::fmin(std::fmax(-reduced / curvature, lower), upper);
      bound += best * (reduced + 0.5 * curvature * best);
      // Inside the bounds despite rounding.
      const double v = std::fmin(lower + s.v[j][w] * scales.size * (s.span[j][w] > 0), upper);
      objective += v * (p.cost[k] + 0.5 * curvature * v);
      p.cost[k] = v;
      const bool free = s.span[j][w] > 0;
      p.lower[k] = free ? steepness * s.lower[j][w] / s.v[j][w] : 0.0;
      p.upper[k] = free ? steepness * s.upper[j][w] / s.slack[j][w] : 0.0;
    }
  }
  scalars.objective = objective;
  scalars.bound = bound;
  scalars.primal = group.measures.primal[w];
  scalars.dual = group.measures.dual[w];
  scalars.gap = group.measures.gap[w];
  scalars.centrality = group.measures.centrality[w];
  scalars.status = group.status(w);
  scalars.iterations = int32_t(group.iterations[w]);
}
