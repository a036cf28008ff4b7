"""Step graphons: discretisation, spectrum against closed forms, and a game that needs both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphon.derivatives import derivative_and_difference
from graphon.kernels import DISTANCES, KERNELS, MASSES, line_eigenvalue

from mfgamm.core import InvalidInput
from mfgamm.graphon import (
    ClusterDistance,
    Constant,
    ExponentialOfDistance,
    FunctionKernel,
    OneMinusMax,
    PowerLaw,
    Product,
    StepGraphon,
    StochasticBlock,
)


def spectrum_of(kernel, cells):
    return np.asarray(StepGraphon.from_kernel(kernel, cells).spectrum())


class TestDiscretisation:
    def test_midpoints_by_hand(self):
        graphon = StepGraphon.from_kernel(OneMinusMax(), 2)
        np.testing.assert_allclose(graphon.weights, [[0.75, 0.25], [0.25, 0.25]])
        np.testing.assert_allclose(graphon.positions, [0.25, 0.75])

    def test_averages_are_exact_for_polynomials(self):
        kernel = FunctionKernel(lambda x, y: (x * y) ** 3)
        graphon = StepGraphon.from_kernel(kernel, MASSES, points=2)
        means = np.diff(np.concatenate([[0], np.cumsum(MASSES)]) ** 4) / 4 / MASSES
        np.testing.assert_allclose(graphon.weights, np.outer(means, means), rtol=1e-13)

    @pytest.mark.parametrize("points", [1, 2])
    def test_a_kernel_of_the_same_cells_comes_back(self, points):
        kernel = ExponentialOfDistance(1.5, ClusterDistance(DISTANCES, MASSES))
        graphon = StepGraphon.from_kernel(kernel, MASSES, points)
        np.testing.assert_allclose(graphon.weights, np.exp(-1.5 * DISTANCES), rtol=1e-14)

    def test_empty_clusters_keep_their_own_distances(self):
        distance = ClusterDistance(DISTANCES, [0.5, 0.0, 0.5, 0.0])
        graphon = StepGraphon.of_clusters(distance, 2)
        np.testing.assert_allclose(graphon.weights, np.exp(-2 * DISTANCES), rtol=1e-15)

    @pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
    def test_the_midpoints_are_where_the_step_graphon_agrees(self, kernel):
        graphon = StepGraphon.from_kernel(kernel, 4)
        x = graphon.positions
        np.testing.assert_array_equal(graphon(x[:, None], x), kernel(x[:, None], x))

    def test_degree_is_the_integral_of_a_row(self):
        graphon = StepGraphon.from_kernel(Product(), MASSES)
        np.testing.assert_allclose(graphon.degree, graphon.positions / 2, rtol=1e-14)

    @pytest.mark.parametrize(
        "weights, masses, field",
        [
            (DISTANCES[:3], MASSES, "weights"),
            (DISTANCES + np.triu(DISTANCES) / 10, MASSES, "weights"),
            (2 * DISTANCES, MASSES, "weights[0, 3]"),
            (DISTANCES * np.nan, MASSES, "weights"),
            (DISTANCES, MASSES * 0.9, "masses"),
            (DISTANCES, -MASSES, "masses"),
        ],
    )
    def test_bad_matrices_are_refused_by_name(self, weights, masses, field):
        with pytest.raises(InvalidInput) as error:
            StepGraphon(weights, masses)
        assert error.value.field.startswith(field)


class TestSpectrum:
    def test_separable_kernels_have_one_eigenvalue(self):
        for kernel, expected in [
            (Constant(0.7), 0.7),
            (Product(), 1 / 3),
            # ∫(1 + x/hub)^(−2β) with β = 1
            (PowerLaw(1, hub=0.5), 0.5 * (1 - 1 / 3)),
        ]:
            eigenvalues = spectrum_of(kernel, 50)
            np.testing.assert_allclose(eigenvalues[0], expected, rtol=1e-3)
            np.testing.assert_allclose(eigenvalues[1:], 0, atol=1e-14)

    def test_uniform_attachment(self):
        exact = 1 / ((np.arange(1, 5) - 0.5) * np.pi) ** 2
        coarse, fine = spectrum_of(OneMinusMax(), 50)[:4], spectrum_of(OneMinusMax(), 200)[:4]
        assert np.all(np.abs(fine - exact) < 3e-6)
        # Second order, so that extrapolation gains three more digits.
        np.testing.assert_allclose((16 * fine - coarse) / 15, exact, atol=1e-8)

    def test_distance_on_a_line(self):
        kernel = ExponentialOfDistance(2.0, lambda x, y: jnp.abs(x - y))
        np.testing.assert_allclose(spectrum_of(kernel, 50)[0], line_eigenvalue(2.0), rtol=4e-4)

    def test_equal_blocks(self):
        eigenvalues = spectrum_of(StochasticBlock([0.2] * 4, 0.6, 4), 4)
        np.testing.assert_allclose(eigenvalues, [(0.2 + 3 * 0.6) / 4, *[-0.4 / 4] * 3], rtol=1e-13)

    def test_masses_weigh_and_empty_cells_add_nothing(self):
        full = StepGraphon(np.exp(-DISTANCES), [0.3, 0.7, 0, 0]).spectrum()
        small = StepGraphon(np.exp(-DISTANCES[:2, :2]), [0.3, 0.7]).spectrum()
        np.testing.assert_allclose(full, [*small, 0, 0], atol=1e-15)
        operator = np.exp(-DISTANCES) * MASSES
        np.testing.assert_allclose(
            StepGraphon(np.exp(-DISTANCES), MASSES).spectrum(),
            np.sort(np.linalg.eigvals(operator).real)[::-1],
            rtol=1e-12,
        )

    @pytest.mark.parametrize("by", ["decay", "masses"])
    def test_derivatives_by_decay_and_masses(self, by):
        direction = np.array([0.3, -0.1, -0.4, 0.2])

        def smallest(step):
            masses, decay = (MASSES + step * direction, 2) if by == "masses" else (MASSES, 2 + step)
            distance = ClusterDistance(DISTANCES, masses)
            return StepGraphon.of_clusters(distance, decay).spectrum()[-1]

        slope, difference = derivative_and_difference(smallest, 0.0, step=1e-5)
        np.testing.assert_allclose(slope, difference, rtol=1e-7)

    def test_derivative_by_the_mass_of_an_empty_cell(self):
        def largest(share):
            masses = jnp.array([0.3, 0.5, 0.2, 0.0]) * (1 - share)
            return StepGraphon(np.exp(-DISTANCES), masses.at[3].add(share)).spectrum()[0]

        value, step = jax.jit(largest), 1e-6
        # One-sided: there is no negative mass.
        difference = (-3 * value(0.0) + 4 * value(step) - value(2 * step)) / (2 * step)
        np.testing.assert_allclose(jax.jit(jax.grad(largest))(0.0), difference, rtol=1e-6)

    def test_derivatives_of_repeated_eigenvalues_are_finite_and_sums_exact(self):
        def trace(within):
            return jnp.sum(StepGraphon.from_kernel(StochasticBlock(within, 0.2, 4), 4).spectrum())

        np.testing.assert_allclose(jax.jit(jax.grad(trace))(jnp.full(4, 0.5)), 1 / 4, rtol=1e-13)


class TestLinearQuadraticGame:
    """A graphon game that is solved mode by mode: each eigenpair of W moves on its own.

    Cost E∫₀¹½[a² + (X − (Wm̄))²]dt, dX = a dt + σdW, m̄(0) ≡ 1: with k² = 1 − λ the mean of
    each mode is cosh k(1 − t)/cosh k times its start.
    """

    AT = np.array([0.0, 0.25, 0.5, 0.75])
    MEANS = np.array([0.78907934, 0.78005507, 0.75315165, 0.70887417])

    def final_means(self, cells):
        graphon = StepGraphon.from_kernel(OneMinusMax(), cells)
        eigenvalues = np.asarray(graphon.spectrum())
        operator = np.asarray(graphon.weights * graphon.masses)
        _, modes = np.linalg.eigh(operator)
        modes = modes[:, ::-1]
        final = modes @ (modes.T @ np.ones(cells) / np.cosh(np.sqrt(1 - eigenvalues)))
        # Nyström: what a household at any x sees settles where its own mean goes; even
        # extrapolation at the reflecting end.
        x = np.asarray(graphon.positions)
        spline = np.polynomial.Chebyshev.fit(x, final, 12, domain=[0, 1])
        return spline(self.AT)

    @pytest.mark.parametrize("cells, error", [(50, 1.7e-5), (200, 1.1e-6)])
    def test_means_at_the_end(self, cells, error):
        assert np.abs(self.final_means(cells) - self.MEANS).max() < error
