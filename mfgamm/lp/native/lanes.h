// Numbers of several lanes (independent programs) side by side: one vector register.
#pragma once

#include <cstdint>

#if defined(__AVX512F__)
constexpr int WIDTH = 8;
#elif defined(__AVX__)
constexpr int WIDTH = 4;
#else
constexpr int WIDTH = 2;
#endif

typedef double Lanes __attribute__((vector_size(WIDTH * sizeof(double))));
typedef int64_t Mask __attribute__((vector_size(WIDTH * sizeof(double))));

static inline Lanes every(double value) { return value - Lanes{}; }
static inline Mask every(bool value) { return Mask{} - int64_t(value); }

static inline Lanes select(Mask mask, Lanes yes, Lanes no) { return mask ? yes : no; }
// Where `a` is not a number, `b` is returned.
static inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }
static inline Lanes smaller(Lanes a, Lanes b) { return a < b ? a : b; }
static inline Lanes clipped(Lanes a, Lanes low, Lanes high) { return smaller(larger(a, low), high); }
static inline Lanes magnitude(Lanes a) { return larger(a, -a); }

static inline double total(Lanes a) {
  double sum = 0;
  for (int lane = 0; lane < WIDTH; ++lane) sum += a[lane];
  return sum;
}

static inline bool any(Mask mask) {
  bool found = false;
  for (int lane = 0; lane < WIDTH; ++lane) found |= mask[lane] != 0;
  return found;
}
