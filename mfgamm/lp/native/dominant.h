// Diagonally dominant matrices kept by what couples their rows and by what a row has in excess;
// see the Python module `dominant`. No diagonal is stored, so none is lost to cancellation.
#pragma once

#include <limits>

#include "program.h"

// A_ij = −coupling_ij off the diagonal, and A·weight = excess; `per_weight` are reciprocals.
struct Dominant {
  PerStore<Lanes> coupling[STORED], weight, per_weight, excess;

  Lanes diagonal(int i) const {
    Lanes row = excess[i];
    for (int j = 0; j < STORES; ++j)
      if (j != i) row += coupling[i][j] * weight[j];
    return row * per_weight[i];
  }
};

// The same matrix by other weights. The diagonal enters only where weights change.
static inline void reweigh(Dominant& matrix, const Lanes* weight, const Lanes* per_weight) {
  PerStore<Lanes> diagonal, shift;
  for (int i = 0; i < STORES; ++i) {
    diagonal[i] = matrix.diagonal(i);
    shift[i] = weight[i] - matrix.weight[i];
  }
  for (int i = 0; i < STORES; ++i) {
    matrix.excess[i] += diagonal[i] * shift[i];
    for (int j = 0; j < STORES; ++j)
      if (j != i) matrix.excess[i] -= matrix.coupling[i][j] * shift[j];
    matrix.weight[i] = weight[i], matrix.per_weight[i] = per_weight[i];
  }
}

// 1/pivot. A pivot of zero stands for a dependent or empty equation: its multiplier becomes zero.
static inline Lanes reciprocal(Lanes pivot) {
  const Mask lost = pivot <= std::numeric_limits<double>::min();
  return select(lost, Lanes{}, 1.0 / select(lost, every(1.0), pivot));
}

// Factors L of A = L·P·Lᵀ: minus what is below the diagonal, the reciprocals of the pivots P on it.
struct Triangle {
  PerStore<Lanes> entry[STORED];

  // A⁻¹·vector, in place.
  void solve(Lanes* vector) const {
    for (int k = 0; k < STORES; ++k)
      for (int i = k + 1; i < STORES; ++i) vector[i] += entry[i][k] * vector[k];
    for (int k = STORES - 1; k >= 0; --k) {
      vector[k] *= entry[k][k];
      for (int i = k + 1; i < STORES; ++i) vector[k] += entry[i][k] * vector[i];
    }
  }
};

// The inverse, by the sweep operator, and the factors that it meets on its way: every pivot is a
// sum of what its row still couples to and of its excess, every entry a sum of products of such.
static inline Triangle invert(const Dominant& matrix, PerStore<Lanes>* inverse) {
  Triangle factor;
  PerStore<Lanes> excess;
  for (int i = 0; i < STORES; ++i) {
    excess[i] = matrix.excess[i];
    for (int j = 0; j < STORES; ++j)
      if (j != i) inverse[i][j] = matrix.coupling[i][j];
  }
  for (int k = 0; k < STORES; ++k) {
    Lanes pivot = excess[k];
    for (int j = k + 1; j < STORES; ++j) pivot += inverse[k][j] * matrix.weight[j];
    const Lanes per_pivot = reciprocal(pivot * matrix.per_weight[k]);
    PerStore<Lanes> row;
    for (int j = 0; j < STORES; ++j) row[j] = j == k ? per_pivot : inverse[k][j] * per_pivot;
    for (int i = 0; i < STORES; ++i) {
      if (i >= k) factor.entry[i][k] = row[i];
      if (i == k) continue;
      const Lanes column = inverse[i][k];
      if (i > k) excess[i] += row[i] * excess[k];
      for (int j = 0; j < STORES; ++j)
        if (j != k && (i != j || i < k)) inverse[i][j] += column * row[j];
    }
    for (int j = 0; j < STORES; ++j) inverse[k][j] = inverse[j][k] = row[j];
  }
  return factor;
}
