// A worker keeps WIDTH programs going until there are none left: whoever ends makes room at once.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "normal_form.h"

struct Settings {
  double tolerance, barrier;
  int max_iterations;
};

class Worker {
 public:
  // `next` is the first lane that nobody has taken yet, shared by all workers.
  Worker(const Problem& problem, const Answer& answer, const Settings& settings,
         std::atomic<int64_t>& next)
      : problem_(problem), answer_(answer), settings_(settings), next_(next),
        group_(int(problem.steps), settings.tolerance, settings.max_iterations,
               settings.barrier > 0) {}

  void run() {
    int busy = 0;
    for (int w = 0; w < WIDTH; ++w) busy += take_place(w);
    while (busy > 0) {
      group_.iterate();
      for (int w = 0; w < WIDTH; ++w) {
        if (seats_[w].block == nullptr || group_.status(w) == RUNNING) continue;
        leave_place(w);
        busy -= !take_place(w);
      }
    }
  }

 private:
  struct Seat {
    Block* block = nullptr;
    int64_t lane = 0;
    Scales scales;
  };

  const Problem& problem_;
  const Answer& answer_;
  const Settings& settings_;
  std::atomic<int64_t>& next_;
  Group group_;
  Seat seats_[WIDTH];
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Block*> idle_;
  Block* current_ = nullptr;
  int64_t taken_ = 0;

  // Seats the next program; false if there is none.
  bool take_place(int w) {
    if (current_ == nullptr || taken_ == current_->count) {
      current_ = next_block();
      taken_ = 0;
    }
    if (current_ == nullptr) return false;
    Seat& seat = seats_[w];
    seat = {current_, taken_++, {}};
    const LaneMemory memory = seat.block->lane(seat.lane);
    const Gains<double>& gain = seat.block->scalars[seat.lane].gain;
    seat.scales = ::seat(memory, gain, settings_.barrier, problem_.steps, w, group_);
    const bool warm = problem_.start_variables != nullptr && settings_.barrier > 0;
    if (warm) seat_start(memory, seat.scales, problem_.steps, w, group_);
    group_.start(w, !warm);
    return true;
  }

  void leave_place(int w) {
    Seat& seat = seats_[w];
    Block* block = seat.block;
    unseat(block->lane(seat.lane), block->scalars[seat.lane], seat.scales, problem_.steps, w, group_);
    group_.release(w);
    seat.block = nullptr;
    if (--block->unsolved > 0) return;
    block->store(answer_, problem_.lanes);
    idle_.push_back(block);
  }

  Block* next_block() {
    const int64_t first = next_.fetch_add(BLOCK);
    if (first >= problem_.lanes) return nullptr;
    if (idle_.empty()) {
      blocks_.push_back(std::make_unique<Block>(problem_));
      idle_.push_back(blocks_.back().get());
    }
    Block* block = idle_.back();
    idle_.pop_back();
    block->load(problem_, first);
    return block;
  }
};
