// Mehrotra's primal-dual interior point on WIDTH lanes at once: the algorithm of the Python module
// `interior_point`, arranged in five sweeps over time an iteration.
//
// A lane that ends is handed back and its place is taken by another at once. A newcomer's first
// turn computes its starting point (`opening`): that needs the same factorisation and two solves.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "newton.h"

constexpr double STEP_FRACTION = 0.999, SMALLEST_STEP = 1e-9, FINEST_RESIDUAL = 1e-10;
constexpr double FINEST_GAP = 1e-13;
constexpr double FINAL_SHARE = 0.1, PLAIN_NEWTON = 10.0;
constexpr double FIRM_PROXIMITY = 1e-6, LOOSE_PROXIMITY = 1e-8;

// Numbers of `mfgamm.core.Status`.
enum Status { RUNNING = -1, CONVERGED = MFGAMM_CONVERGED, MAX_ITERATIONS = MFGAMM_MAX_ITERATIONS,
              INFEASIBLE = MFGAMM_INFEASIBLE, BREAKDOWN = MFGAMM_BREAKDOWN };

// Outside of any function: a static inside an inline one is shared by all libraries of a process,
// whatever their number of stores.
static const PerStore<Lanes> NOTHING{};

// A step of the horizon: the program in normal form (bounds [0, span]), the iterate, the workings.
struct Stage {
  Lanes cost[VARIABLES], curvature[CURVED ? VARIABLES : 1], span[VARIABLES];
  Lanes right[EQUATIONS];
  Lanes v[VARIABLES], slack[VARIABLES], lower[VARIABLES], upper[VARIABLES], y[EQUATIONS];
  Factor factor;
  Lanes per_v[VARIABLES], per_slack[VARIABLES];
  Lanes move[VARIABLES], to_lower[VARIABLES], to_upper[VARIABLES], move_y[EQUATIONS];

  Mask free(int j) const { return span[j] > 0.0; }
  Lanes gradient(int j) const { return CURVED ? cost[j] + curvature[CURVED ? j : 0] * v[j] : cost[j]; }
};

struct Measures {
  Lanes primal, dual, gap, centrality;
};

class Group {
 public:
  Group(int steps, double tolerance, int max_iterations, bool smoothed)
      : steps_(steps), tolerance_(tolerance), max_iterations_(max_iterations), smoothed_(smoothed),
        stages_(steps), status_(WIDTH, CONVERGED) {}

  Stage& stage(int t) { return stages_[t]; }
  double tolerance() const { return tolerance_; }
  Gains<Lanes> gain{};
  // Per lane: barrier, the original objective at the normal form's zero, and its unit (at most 1),
  // in the normal form's units; the largest objective over the box; the objective; twice the number
  // of free variables.
  Lanes barrier{}, origin{}, unit{}, ceiling{}, value{}, pairs{};
  Lanes iterations{};
  Measures measures{};

  Status status(int lane) const { return status_[lane]; }
  void start(int lane, bool opening) {
    status_[lane] = RUNNING;
    running_[lane] = -1;
    opening_[lane] = opening ? -1 : 0;
    iterations[lane] = 0;
  }
  void release(int lane) { running_[lane] = 0; }

  void iterate() {
    factorise_and_predict();
    finish_prediction();
    correct();
    finish_correction();
    move_and_assess();
    judge();
  }

 private:
  int steps_;
  double tolerance_;
  int max_iterations_;
  bool smoothed_;
  std::vector<Stage> stages_;
  std::vector<Status> status_;
  Mask running_{}, opening_{};
  Lanes mean_{}, target_{}, covered_{}, primal_step_{}, dual_step_{}, length_{};
  Lanes typical_{}, bound_{}, doubt_{};

  double feasibility() const { return std::fmax(tolerance_, FINEST_RESIDUAL); }

  const Lanes* after(int t) const {
    return t + 1 < steps_ ? stages_[t + 1].y + 1 : NOTHING;
  }

  void reduced_costs(int t, Lanes* reduced) const {
    const Stage& s = stages_[t];
    Lanes pulled[VARIABLES];
    transpose(gain, s.y, after(t), pulled);
    for (int j = 0; j < VARIABLES; ++j) reduced[j] = s.gradient(j) - pulled[j];
  }

  void equation_residuals(int t, Lanes* residual) const {
    const Stage& s = stages_[t];
    Lanes left[EQUATIONS];
    apply(gain, s.v, t > 0 ? stages_[t - 1].v + state(0) : NOTHING, left);
    for (int j = 0; j < EQUATIONS; ++j) residual[j] = s.right[j] - left[j];
  }

  // Forward: Newton matrix, and the affine direction's right-hand side.
  void factorise_and_predict() {
    Carried carried(gain);
    Forward forward;
    const Lanes proximity = select(measures.primal > feasibility(), every(FIRM_PROXIMITY),
                                   every(LOOSE_PROXIMITY));
    for (int t = 0; t < steps_; ++t) {
      Stage& s = stages_[t];
      Lanes r1[VARIABLES], r2[EQUATIONS];
      reduced_costs(t, r1);
      for (int j = 0; j < VARIABLES; ++j) {
        Mask free = s.free(j);
        Lanes v = select(free, s.v[j], every(1.0)), pair = v * s.slack[j];
        Lanes span = s.span[j], reluctant = larger(every(1.0), span * span);
        Lanes bend = proximity;
        if (CURVED) bend += reluctant * s.curvature[CURVED ? j : 0];
        // 1/v, 1/slack and 1/stiffness by one division; `stiff` is stiffness·pair·reluctant.
        Lanes stiff = reluctant * (s.lower[j] * s.slack[j] + s.upper[j] * v) + bend * pair;
        Lanes per_all = 1.0 / (pair * stiff), per_pair = per_all * stiff;
        s.per_v[j] = per_pair * s.slack[j];
        s.per_slack[j] = per_pair * v;
        // The opening measures distances in states relative to their range: a huge store gives way
        // before a small flow does, and its flows stay as small as the others.
        Lanes reach = j < state(0) ? smaller(span, every(2.0)) : span;
        Lanes variance = select(opening_, reach * reach, per_all * pair * pair * reluctant);
        s.factor.variance[j] = select(free, variance, Lanes{});
        s.move[j] = select(opening_, Lanes{}, barrier * (s.per_v[j] - s.per_slack[j]) - r1[j]);
      }
      ::factorise(gain, s.factor, carried);
      equation_residuals(t, r2);
      substitute_forward(gain, s.factor, s.move, r2, forward, s.move_y);
    }
  }

  // Backward: the affine direction, how far it may go, and the centring that follows.
  void finish_prediction() {
    PerStore<Lanes> later = {};
    Lanes primal{}, dual{}, now{}, with_move{}, with_duals{}, with_both{};
    const bool someone_opens = any(opening_);
    for (int t = steps_ - 1; t >= 0; --t) {
      Stage& s = stages_[t];
      substitute_back(gain, s.factor, s.move_y, s.move, later);
      for (int j = 0; j < VARIABLES; ++j) {
        Mask free = s.free(j);
        Lanes move = s.move[j] = s.factor.variance[j] * s.move[j];
        Lanes relative_v = move * s.per_v[j], relative_slack = move * s.per_slack[j];
        Lanes lower = barrier * s.per_v[j] - s.lower[j] - s.lower[j] * relative_v;
        Lanes upper = barrier * s.per_slack[j] - s.upper[j] + s.upper[j] * relative_slack;
        lower = select(free, lower, Lanes{}), upper = select(free, upper, Lanes{});
        primal = larger(primal, larger(-relative_v, relative_slack));
        if (smoothed_) {
          dual = larger(dual, larger(-lower / select(free, s.lower[j], every(1.0)),
                                     -upper / select(free, s.upper[j], every(1.0))));
        } else {  // −Δz/z, without a division
          dual = larger(dual, larger(1.0 + relative_v, 1.0 - relative_slack));
        }
        now += s.v[j] * s.lower[j] + s.slack[j] * s.upper[j];
        with_move += move * (s.lower[j] - s.upper[j]);
        with_duals += s.v[j] * lower + s.slack[j] * upper;
        with_both += move * (lower - upper);
      }
      if (someone_opens)
        for (int j = 0; j < VARIABLES; ++j) s.v[j] = select(opening_, opened(s, j), s.v[j]);
    }
    Lanes p = longest(primal), d = longest(dual);
    // Steps that stop short, both of them, bring about less of the second-order term.
    covered_ = 1.0 - (1.0 - p) * (1.0 - d);
    mean_ = now / pairs;
    Lanes ahead = (now + p * with_move + d * with_duals + p * d * with_both) / pairs;
    Lanes excess = larger(mean_ - barrier, every(1e-300));
    Lanes ratio = clipped((ahead - barrier) / excess, Lanes{}, every(1.0));
    // Complementarity far below what the gap needs only spoils the linear systems.
    Lanes enough = FINAL_SHARE * tolerance_ * (unit + magnitude(value + origin)) / pairs;
    target_ = larger(barrier + ratio * ratio * ratio * excess, smaller(enough, mean_));
  }

  static Lanes longest(Lanes shrink) { return smaller(every(1.0), 1.0 / larger(shrink, every(1e-30))); }

  // The least-squares primal point, pushed inside.
  Lanes opened(const Stage& s, int j) const {
    Lanes margin = smaller(0.1 * s.span[j], every(0.5));
    return select(s.free(j), clipped(s.v[j] + s.move[j], margin, s.span[j] - margin), Lanes{});
  }

  // What complementarity products should become, the second-order term taken into account. On a
  // smoothed solve it must not ask for negative products, and close by plain Newton does without.
  Lanes corrected(Lanes second_order) const {
    Lanes corrected = target_ - covered_ * second_order;
    if (!smoothed_) return corrected;
    Lanes kept = larger(corrected, 0.1 * target_);
    return select(mean_ > PLAIN_NEWTON * barrier, kept, target_);
  }

  // Forward: the corrector's right-hand side.
  void correct() {
    Forward forward;
    for (int t = 0; t < steps_; ++t) {
      Stage& s = stages_[t];
      Lanes r1[VARIABLES], r2[EQUATIONS];
      reduced_costs(t, r1);
      for (int j = 0; j < VARIABLES; ++j) {
        Lanes move = s.move[j];
        Lanes lower = (barrier - s.lower[j] * move) * s.per_v[j] - s.lower[j];
        Lanes upper = (barrier + s.upper[j] * move) * s.per_slack[j] - s.upper[j];
        s.to_lower[j] = corrected(move * lower) * s.per_v[j];
        s.to_upper[j] = corrected(-move * upper) * s.per_slack[j];
        s.move[j] = select(opening_, s.gradient(j), s.to_lower[j] - s.to_upper[j] - r1[j]);
      }
      equation_residuals(t, r2);
      for (int j = 0; j < EQUATIONS; ++j) r2[j] = select(opening_, Lanes{}, r2[j]);
      substitute_forward(gain, s.factor, s.move, r2, forward, s.move_y);
    }
  }

  // Backward: the corrected direction and the step lengths.
  void finish_correction() {
    PerStore<Lanes> later = {};
    Lanes primal{}, dual{}, poison{};
    const bool someone_opens = any(opening_);
    typical_ = Lanes{};
    for (int t = steps_ - 1; t >= 0; --t) {
      Stage& s = stages_[t];
      substitute_back(gain, s.factor, s.move_y, s.move, later);
      for (int j = 0; j < EQUATIONS; ++j) poison += 0.0 * s.move_y[j];
      for (int j = 0; j < VARIABLES; ++j) {
        Mask free = s.free(j);
        Lanes reduced = s.move[j], move = s.move[j] = s.factor.variance[j] * reduced;
        if (someone_opens) typical_ += select(free, magnitude(reduced), Lanes{});
        Lanes relative_v = move * s.per_v[j], relative_slack = move * s.per_slack[j];
        Lanes lower = s.to_lower[j] - s.lower[j] - s.lower[j] * relative_v;
        Lanes upper = s.to_upper[j] - s.upper[j] + s.upper[j] * relative_slack;
        lower = select(free, lower, Lanes{}), upper = select(free, upper, Lanes{});
        primal = larger(primal, larger(-relative_v, relative_slack));
        Lanes old_lower = select(free, s.lower[j], every(1.0));
        Lanes old_upper = select(free, s.upper[j], every(1.0));
        // max(−Δz₁/z₁, −Δz₂/z₂) by one division.
        Lanes worst = larger(-lower * old_upper, -upper * old_lower) / (old_lower * old_upper);
        dual = larger(dual, worst);
        s.to_lower[j] = select(opening_, reduced, lower);
        s.to_upper[j] = upper;
      }
    }
    primal_step_ = smaller(every(1.0), STEP_FRACTION / larger(primal, every(1e-30)));
    dual_step_ = smaller(every(1.0), STEP_FRACTION / larger(dual, every(1e-30)));
    // With curvature the residuals mix: a common step keeps both shrinking.
    if (CURVED) primal_step_ = dual_step_ = smaller(primal_step_, dual_step_);
    length_ = smaller(primal_step_, dual_step_) + poison;
  }

  // Forward: the new point, its residuals and its dual bound.
  void move_and_assess() {
    const Mask moving = running_ & ~opening_ & (length_ == length_);
    const bool someone_opens = any(opening_);
    const Lanes scale = larger(0.1 + typical_ / (0.5 * pairs), barrier);
    Lanes bound{}, furthest{};
    value = measures.primal = measures.dual = doubt_ = Lanes{};
    for (int t = 0; t < steps_; ++t) {
      move(stages_[t], moving);
      if (someone_opens) open(stages_[t], scale);
      Lanes residual[EQUATIONS];
      equation_residuals(t, residual);
      for (int j = 0; j < EQUATIONS; ++j) {
        measures.primal = larger(measures.primal, magnitude(residual[j]));
        bound += stages_[t].right[j] * stages_[t].y[j];
        doubt_ += feasibility() * magnitude(stages_[t].y[j]);
      }
      if (t > 0) assess(t - 1, bound, furthest);
    }
    assess(steps_ - 1, bound, furthest);
    measures.gap = (value - bound) / (unit + magnitude(value + origin));
    measures.centrality = smoothed_ ? furthest / barrier : Lanes{};
    bound_ = bound;
  }

  void move(Stage& s, Mask moving) {
    for (int j = 0; j < VARIABLES; ++j) {
      s.v[j] = select(moving, s.v[j] + primal_step_ * s.move[j], s.v[j]);
      s.slack[j] = select(moving, s.slack[j] - primal_step_ * s.move[j], s.slack[j]);
      s.lower[j] = select(moving, s.lower[j] + dual_step_ * s.to_lower[j], s.lower[j]);
      s.upper[j] = select(moving, s.upper[j] + dual_step_ * s.to_upper[j], s.upper[j]);
    }
    for (int j = 0; j < EQUATIONS; ++j)
      s.y[j] = select(moving, s.y[j] + dual_step_ * s.move_y[j], s.y[j]);
  }

  // Least-squares multipliers, and products of slack and dual of one size, however wide a range.
  void open(Stage& s, Lanes scale) {
    for (int j = 0; j < VARIABLES; ++j) {
      Mask free = s.free(j);
      Lanes reduced = s.to_lower[j], v = select(free, s.v[j], every(1.0));
      Lanes slack = select(free, s.span[j] - s.v[j], every(1.0));
      Lanes lower = select(free, larger(reduced, Lanes{}) + scale / v, Lanes{});
      Lanes upper = select(free, larger(-reduced, Lanes{}) + scale / slack, Lanes{});
      s.slack[j] = select(opening_, slack, s.slack[j]);
      s.lower[j] = select(opening_, lower, s.lower[j]);
      s.upper[j] = select(opening_, upper, s.upper[j]);
    }
    for (int j = 0; j < EQUATIONS; ++j) s.y[j] = select(opening_, -s.move_y[j], s.y[j]);
  }

  void assess(int t, Lanes& bound, Lanes& furthest) {
    const Stage& s = stages_[t];
    Lanes reduced[VARIABLES];
    reduced_costs(t, reduced);
    for (int j = 0; j < VARIABLES; ++j) {
      Lanes stationarity = reduced[j] - s.lower[j] + s.upper[j];
      measures.dual = larger(measures.dual, select(s.free(j), magnitude(stationarity), Lanes{}));
      if (CURVED) {
        Lanes curvature = s.curvature[CURVED ? j : 0], linear = reduced[j] - curvature * s.v[j];
        Mask curved = curvature > 0.0;
        Lanes corner = select(linear > 0.0, Lanes{}, s.span[j]);
        Lanes interior = clipped(-linear / select(curved, curvature, every(1.0)), Lanes{}, s.span[j]);
        Lanes best = select(curved, interior, corner);
        bound += best * (linear + 0.5 * curvature * best);
        value += s.v[j] * (s.cost[j] + 0.5 * curvature * s.v[j]);
      } else {
        bound += smaller(reduced[j], Lanes{}) * s.span[j];
        value += s.v[j] * s.cost[j];
      }
      if (smoothed_) {
        Lanes worst = larger(magnitude(s.v[j] * s.lower[j] - barrier),
                             magnitude(s.slack[j] * s.upper[j] - barrier));
        furthest = larger(furthest, select(s.free(j), worst, Lanes{}));
      }
    }
  }

  void judge() {
    for (int lane = 0; lane < WIDTH; ++lane) {
      if (!running_[lane]) continue;
      if (opening_[lane]) {
        opening_[lane] = 0;
        continue;
      }
      iterations[lane] += 1;
      status_[lane] = verdict(lane);
    }
  }

  Status verdict(int lane) const {
    const double length = length_[lane], tolerance = tolerance_;
    if (!(std::abs(length) <= std::numeric_limits<double>::max())) return BREAKDOWN;
    const bool feasible = measures.primal[lane] <= feasibility();
    const bool exact = measures.gap[lane] <= tolerance;
    const bool central = measures.centrality[lane] <= tolerance && measures.dual[lane] <= tolerance;
    if (feasible && (smoothed_ ? central : exact)) return CONVERGED;
    // Infeasible for certain: were every equation violated by what counts as feasible, the bound
    // would still exceed what any point of the box costs.
    const double most = ceiling[lane] + 1e-6 * (1.0 + std::abs(ceiling[lane])) + doubt_[lane];
    if (bound_[lane] > most) return INFEASIBLE;
    if (length < SMALLEST_STEP) return BREAKDOWN;
    return iterations[lane] >= max_iterations_ ? MAX_ITERATIONS : RUNNING;
  }
};
