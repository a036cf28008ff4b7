// WIDTH neighbouring lanes of the caller's arrays [row, lane], read and written where they lie.
#pragma once

#include <algorithm>

#include "program.h"

class Neighbours {
 public:
  Neighbours() = default;
  Neighbours(int64_t first, int64_t lanes) : Neighbours(first, lanes, lanes) {}
  // Those from `first` on that come before `end`.
  Neighbours(int64_t first, int64_t end, int64_t lanes)
      : lanes_(lanes), first_(first), count_(std::min<int64_t>(WIDTH, end - first)) {}

  Lanes read(const double* array, int64_t row) const {
    Lanes numbers{};
    const double* source = array + row * lanes_ + first_;
    for (int64_t i = 0; i < count_; ++i) numbers[i] = source[i];
    return numbers;
  }

  void write(double* array, int64_t row, Lanes numbers) const {
    double* target = array + row * lanes_ + first_;
    for (int64_t i = 0; i < count_; ++i) target[i] = numbers[i];
  }

  Gains<Lanes> gains(const double* in, const double* out, const double* retention) const {
    Gains<Lanes> gain{};
    for (int i = 0; i < STORES; ++i) {
      gain.in[i] = read(in, i);
      gain.out[i] = read(out, i);
      gain.retention[i] = read(retention, i);
    }
    return gain;
  }

 private:
  int64_t lanes_ = 0, first_ = 0, count_ = 0;
};
