// The Newton system by itself, for derivatives: D·Δv − Aᵀ·Δy = r₁, A·Δv = r₂, refined once.
#pragma once

#include <atomic>
#include <vector>

#include "neighbours.h"
#include "newton.h"

struct LinearSystem {
  int64_t steps, lanes;
  const double *gain_in, *gain_out, *retention, *variance, *r1, *r2_balance, *r2_storage;
  double *move, *y_balance, *y_storage;
};

class LinearWorker {
 public:
  LinearWorker(const LinearSystem& system, std::atomic<int64_t>& next)
      : system_(system), next_(next), stages_(system.steps) {}

  void run() {
    for (;;) {
      const int64_t first = next_.fetch_add(WIDTH);
      if (first >= system_.lanes) return;
      here_ = Neighbours(first, system_.lanes);
      gain_ = here_.gains(system_.gain_in, system_.gain_out, system_.retention);
      factorise_and_substitute();
      substitute_back(false);
      substitute_residual();
      substitute_back(true);
      write();
    }
  }

 private:
  struct LinearStage {
    Factor factor;
    Lanes r2[EQUATIONS], move[VARIABLES], y[EQUATIONS];
    Lanes fix[VARIABLES], fix_y[EQUATIONS];
  };

  const LinearSystem& system_;
  std::atomic<int64_t>& next_;
  std::vector<LinearStage> stages_;
  Gains<Lanes> gain_{};
  Neighbours here_;

  void factorise_and_substitute() {
    const int64_t T = system_.steps;
    Carried carried(gain_);
    Forward forward;
    for (int64_t t = 0; t < T; ++t) {
      LinearStage& s = stages_[t];
      for (int j = 0; j < VARIABLES; ++j) {
        s.factor.variance[j] = here_.read(system_.variance, j * T + t);
        s.move[j] = here_.read(system_.r1, j * T + t);
      }
      s.r2[0] = here_.read(system_.r2_balance, t);
      for (int i = 0; i < STORES; ++i) s.r2[1 + i] = here_.read(system_.r2_storage, i * T + t);
      factorise(gain_, s.factor, carried);
      substitute_forward(gain_, s.factor, s.move, s.r2, forward, s.y);
    }
  }

  // What the first solution leaves of the second equation; the first holds to rounding.
  void substitute_residual() {
    PerStore<Lanes> before = {};
    Forward forward;
    for (LinearStage& s : stages_) {
      Lanes left[EQUATIONS], residual[EQUATIONS];
      apply(gain_, s.move, before, left);
      for (int j = 0; j < EQUATIONS; ++j) residual[j] = s.r2[j] - left[j];
      for (int j = 0; j < VARIABLES; ++j) s.fix[j] = Lanes{};
      for (int i = 0; i < STORES; ++i) before[i] = s.move[state(i)];
      substitute_forward(gain_, s.factor, s.fix, residual, forward, s.fix_y);
    }
  }

  void substitute_back(bool refining) {
    PerStore<Lanes> later = {};
    for (int64_t t = system_.steps - 1; t >= 0; --t) {
      LinearStage& s = stages_[t];
      Lanes* change = refining ? s.fix : s.move;
      ::substitute_back(gain_, s.factor, refining ? s.fix_y : s.y, change, later);
      for (int j = 0; j < VARIABLES; ++j) change[j] *= s.factor.variance[j];
      if (!refining) continue;
      for (int j = 0; j < VARIABLES; ++j) s.move[j] += s.fix[j];
      for (int j = 0; j < EQUATIONS; ++j) s.y[j] += s.fix_y[j];
    }
  }

  void write() const {
    const int64_t T = system_.steps;
    for (int64_t t = 0; t < T; ++t) {
      const LinearStage& s = stages_[t];
      for (int j = 0; j < VARIABLES; ++j) here_.write(system_.move, j * T + t, s.move[j]);
      here_.write(system_.y_balance, t, s.y[0]);
      for (int i = 0; i < STORES; ++i) here_.write(system_.y_storage, i * T + t, s.y[1 + i]);
    }
  }
};
