"""Aggregates of thousands of clusters: the dominant eigenvalues of W, and what is cut off."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete, safe_divide
from mfgamm.graphon.aggregate import AbstractAggregate


class LowRankAggregate(AbstractAggregate):
    """W ≈ Ŵ = U·K·Uᵀ: O(clusters·rank) an application.

    For every x, in the Euclidean norm over clusters, and at every cluster,

        ‖(W − Ŵ)x‖₂ ≤ spectral_error·‖x‖₂,     |((W − Ŵ)x)_p| ≤ entry_error·Σ_q|x_q|,

    where Σ_q|x_q| is the mean over households of |ξ| if x carries the mass.

    Attributes:
        basis: U, orthonormal eigenvectors.
        core: K, the eigenvalues on its diagonal, largest in magnitude first.
        spectral_error: ‖W − Ŵ‖₂, the largest magnitude cut off.
        entry_error: max_pq|W_pq − Ŵ_pq|, never more than `spectral_error`.
    """

    basis: Float[Array, "cluster rank"]
    core: Float[Array, "rank rank"]
    spectral_error: Float[Array, ""]
    entry_error: Float[Array, ""]

    def apply(self, carried: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        return self._through(self.core, carried)

    def transpose(self, seen: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        return self._through(self.core.T, seen)

    def _through(
        self, core: Float[Array, "rank rank"], array: Float[Array, "cluster *rest"]
    ) -> Float[Array, "cluster *rest"]:
        inner = jnp.tensordot(self.basis.T, array, axes=1, precision="highest")
        middle = jnp.tensordot(core, inner, axes=1, precision="highest")
        return jnp.tensordot(self.basis, middle, axes=1, precision="highest")


def low_rank_aggregate(weights: Float[Array, "cluster cluster"], rank: int) -> LowRankAggregate:
    """The best approximation of W of that rank in the spectral norm (Eckart–Young).

    The derivative of Ŵ by W is exact, also where eigenvalues coincide among those kept or among
    those cut: Ŵ depends on the two eigenspaces only. Where a kept and a cut one coincide there is
    no derivative, and no reason for this rank. The error bounds are constants to derivatives.

    Args:
        weights: W, symmetric.
        rank: how many eigenvalues to keep, at least one.

    Raises:
        InvalidInput: if the rank is not between one and the number of clusters, or if it parts
            eigenvalues of one magnitude, or keeps some that are zero to rounding (not checked
            under `jit`, where the derivative then lacks the undefined part).
    """
    clusters = weights.shape[0]
    if not 1 <= rank <= clusters:
        raise InvalidInput("rank", rank, f"must lie between 1 and the {clusters} clusters")
    aggregate, magnitudes = _factorise(weights, rank)
    values = concrete(magnitudes)
    if values is not None:
        _require_separation(values, rank)
    return aggregate


@eqx.filter_jit
def _factorise(
    weights: Float[Array, "cluster cluster"], rank: int
) -> tuple[LowRankAggregate, Float[Array, " cluster"]]:
    basis, core, magnitudes = dominant_eigenspace(weights, rank)
    frozen, kept, vectors = jax.lax.stop_gradient((weights, core, basis))
    kept_part = jnp.matmul(vectors, kept, precision="highest")
    residual = frozen - jnp.matmul(kept_part, vectors.T, precision="highest")
    spectral_error = jnp.max(magnitudes[rank:], initial=0.0)
    return LowRankAggregate(basis, core, spectral_error, jnp.max(jnp.abs(residual))), magnitudes


def _require_separation(magnitudes: np.ndarray, rank: int) -> None:
    clusters = magnitudes.size
    resolved = 100 * clusters * np.finfo(magnitudes.dtype).eps * magnitudes[0]
    # What is kept beyond the last one counts as zero, so that full rank is separate.
    gaps = magnitudes - np.append(magnitudes[1:], 0.0)
    if gaps[rank - 1] > resolved or rank == clusters:
        return
    allowed = [int(each) + 1 for each in np.flatnonzero(gaps > resolved)]
    nearest = sorted(allowed, key=lambda each: abs(each - rank))[:2]
    raise InvalidInput(
        "rank",
        rank,
        f"parts eigenvalues of the same magnitude, {magnitudes[rank - 1]:.3g} to rounding; "
        f"next to it these do not: {sorted({*nearest, clusters})}",
    )


def _by_magnitude(weights):
    """All eigenvalues and eigenvectors of W, largest magnitude first."""
    eigenvalues, vectors = jnp.linalg.eigh(weights)
    order = jnp.argsort(-jnp.abs(eigenvalues))
    return eigenvalues[order], vectors[:, order]


@eqx.filter_custom_jvp
def dominant_eigenspace(
    weights: Float[Array, "cluster cluster"], rank: int
) -> tuple[Float[Array, "cluster rank"], Float[Array, "rank rank"], Float[Array, " cluster"]]:
    """Basis U of the dominant eigenspace, and W restricted to it, K = UᵀWU.

    Third come the magnitudes of all eigenvalues, largest first, which carry no derivative.
    """
    eigenvalues, vectors = _by_magnitude(weights)
    return vectors[:, :rank], jnp.diag(eigenvalues[:rank]), jnp.abs(eigenvalues)


@dominant_eigenspace.def_jvp
def _dominant_eigenspace_jvp(primals, tangents):
    """Daleckii–Krein for the spectral function that keeps λ or cuts it, in a gauge of our choice.

    The basis turns out of the kept eigenspace only, dU = C·(G∘CᵀdW U) with C the cut eigenvectors
    and G_ji = 1/(λ_i − λ_j), j cut, i kept; what happens inside goes to the core, dK = UᵀdW U,
    which need not stay diagonal. No difference of two kept or two cut eigenvalues appears.
    """
    (weights, rank), (weights_dot, _) = primals, tangents
    eigenvalues, vectors = _by_magnitude(weights)
    kept, cut = vectors[:, :rank], vectors[:, rank:]
    output = kept, jnp.diag(eigenvalues[:rank]), jnp.abs(eigenvalues)
    if weights_dot is None:
        return output, (None, None, None)
    symmetric = (weights_dot + weights_dot.T) / 2
    pushed = jnp.matmul(symmetric, kept, precision="highest")
    gaps = eigenvalues[None, :rank] - eigenvalues[rank:, None]
    leaked = jnp.matmul(cut.T, pushed, precision="highest")
    turned = safe_divide(leaked, gaps, fallback=0.0)
    core_dot = jnp.matmul(kept.T, pushed, precision="highest")
    return output, (jnp.matmul(cut, turned, precision="highest"), core_dot, None)
