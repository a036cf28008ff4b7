"""Eigenvalues of a step graphon's integral operator, with derivatives at repeated ones."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import safe_divide


@jax.jit
def operator_spectrum(
    weights: Float[Array, "cell cell"], masses: Float[Array, " cell"]
) -> Float[Array, " cell"]:
    """Eigenvalues of (Tf)_p = Σ_q W_pq·mass_q·f_q, largest first.

    T is similar to the symmetric √mass·W·√mass. The sum of the eigenvalues is Σ_p mass_p·W_pp.

    A simple eigenvalue is differentiable, and its derivative exact, also by the mass of an empty
    cell (unless the eigenvalue is zero as well, where it comes out as zero). Of a repeated
    eigenvalue only symmetric functions are differentiable, such as the sum over its copies: those
    derivatives are exact; single copies get those of an arbitrary eigenbasis, always finite.
    """
    return _eigenvalues(weights, masses)


@jax.custom_jvp
def _eigenvalues(
    weights: Float[Array, "cell cell"], masses: Float[Array, " cell"]
) -> Float[Array, " cell"]:
    return _decompose(weights, masses)[0]


def _decompose(
    weights: Float[Array, "cell cell"], masses: Float[Array, " cell"]
) -> tuple[Float[Array, " cell"], Float[Array, "cell cell"]]:
    """Eigenvalues, and eigenfunctions that carry the mass: mass_p·f_p, where Σ mass·f² = 1."""
    root = jnp.sqrt(masses)
    ascending, vectors = jnp.linalg.eigh(root[:, None] * weights * root)
    return ascending[::-1], root[:, None] * vectors[:, ::-1]


@_eigenvalues.defjvp
def _eigenvalues_jvp(primals, tangents):
    """dλ = (mass·f)ᵀ dW (mass·f) + λ·Σ_p f_p²·dmass_p, where λ·f = W(mass·f)."""
    (weights, masses), (weights_dot, masses_dot) = primals, tangents
    eigenvalues, carried = jax.lax.stop_gradient(_decompose(weights, masses))
    image = jnp.matmul(weights, carried, precision="highest")
    # Zero to rounding: there image²/λ would be noise divided by noise.
    resolved = jnp.finfo(eigenvalues.dtype).eps * eigenvalues.size * jnp.abs(eigenvalues).max()
    divisor = jnp.where(jnp.abs(eigenvalues) > resolved, eigenvalues, 0.0)
    by_mass = safe_divide(image**2, jnp.broadcast_to(divisor, image.shape), fallback=0.0)
    slopes = jnp.einsum("pl,pq,ql->l", carried, weights_dot, carried, precision="highest")
    return eigenvalues, slopes + jnp.tensordot(masses_dot, by_mass, axes=1, precision="highest")
