"""Fits a map to pairs of places: the simplest kind that explains them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .mapping import POWERS, Mapping

# Most rounds of reweighting, the change of every weight that ends them, and the residual in standard deviations beyond
# which a pair has no weight (Tukey's biweight).
ROUNDS, SETTLED, CUT = 12, 0.01, 4.7
# Neighbouring pairs err alike, so that so many count as one.
ALIKE = 4.0
# Pairs needed for each number that is fitted.
PER_NUMBER = 3
# A bend must lower the residual to this share: away from the pairs it is less certain than all else.
WORTH_BENDING = 0.8
# The least standard deviation that counts, in pixels: below it all kinds are as good.
FINEST = 0.01


@dataclass(frozen=True)
class Fit:
    """A map fitted to pairs of places."""

    mapping: Mapping
    """The map."""
    kind: str
    """The kind of map, one of KINDS, or "bend"."""
    error: float
    """Expected error of the map in pixels of the edited picture, the largest over the picture."""
    spread: float
    """Standard deviation of one pair from the map, in pixels of the edited picture."""
    used: np.ndarray
    """[N] bool: the pairs that follow the map."""


def _shift(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([[one, zero], [zero, one]])


def _zoom(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([_shift(x, y), [[x, y]]])


def _similarity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([_zoom(x, y), [[-y, x]]])


def _stretch(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    zero = np.zeros_like(x)
    return np.concatenate([_shift(x, y), [[x, zero], [zero, y]]])


def _affine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    zero = np.zeros_like(x)
    return np.concatenate([_stretch(x, y), [[y, zero], [zero, x]]])


def _homography(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([_affine(x, y), [[x * x, x * y], [x * y, y * y]]])


# From simple to rich. Each returns [K, 2, N]: how x and y of every place move with each of its numbers.
KINDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "shift": _shift,
    "zoom": _zoom,
    "similarity": _similarity,
    "stretch": _stretch,
    "affine": _affine,
    "homography": _homography,
}


def fitted(base: Mapping, here: np.ndarray, there: np.ndarray) -> Fit | None:
    """Fit the simplest map that explains pairs of places; pairs that lie far off have no weight.

    Args:
        base: a plain resize, which the kinds of maps are measured from.
        here, there: [N, 2] places in the original and in the edited picture.

    Returns:
        the fit; None if there are too few pairs for a shift.
    """
    plain = base.without_bend()
    fits = {kind: fit for kind in KINDS if (fit := _fit(plain, kind, here, there)) is not None}
    if not fits:
        return None
    richest = list(fits.values())[-1]
    common = richest.used
    chosen = min(fits.values(), key=lambda fit: _cost(fit, here[common], there[common]))
    bent = _bent(chosen.mapping, here, there)
    return bent if bent is not None and bent.spread < WORTH_BENDING * chosen.spread else chosen


def _cost(fit: Fit, here: np.ndarray, there: np.ndarray) -> float:
    """Return the Bayesian information criterion of a fit on pairs that follow the richest one."""
    residual = np.linalg.norm(fit.mapping(here) - there, axis=-1)
    spread = max(float(np.sqrt((residual**2).mean())), FINEST)
    numbers = len(KINDS[fit.kind](np.zeros(1), np.zeros(1)))
    count = 2 * len(here) / ALIKE
    return 2 * count * np.log(spread) + numbers * np.log(max(count, 2))


def _fit(plain: Mapping, kind: str, here: np.ndarray, there: np.ndarray) -> Fit | None:
    basis_of, centre, radius = KINDS[kind], plain.centre, plain.radius
    basis = basis_of(*((here - centre) / radius).T)
    # Places of the edited picture, in the original's pixels, as a plain resize has them.
    back = np.linalg.inv(plain.matrix)
    unscaled = (there @ back[:2, :2].T + back[:2, 2] - here) / radius
    scale = plain.scale() * radius
    if kind == "homography":
        # x' (1 + g x + h y) = ..., so that g and h move a place by -x' (g x + h y).
        target = (here - centre) / radius + unscaled
        x, y = ((here - centre) / radius).T
        basis = np.concatenate([basis[:6], [[-target[:, 0] * x, -target[:, 1] * x]]])
        basis = np.concatenate([basis, [[-target[:, 0] * y, -target[:, 1] * y]]])
    solved = _robust(basis, unscaled, scale)
    if solved is None:
        return None
    numbers, weight, covariance = solved
    mapping = replace(plain, matrix=plain.matrix @ _as_matrix(numbers, kind, centre, radius))
    return _judged(mapping, kind, here, there, weight, basis_of, covariance, scale)


def _robust(basis: np.ndarray, target: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Solve basis [K, 2, N] @ numbers = target [N, 2] by reweighted least squares.

    Returns:
        numbers [K], weights [N], covariance [K, K]; None if the pairs do not determine them.
    """
    count = len(basis)
    weight = np.ones(len(target))
    for _ in range(ROUNDS):
        if (weight > 0).sum() < PER_NUMBER * count:
            return None
        weighted = basis * weight
        normal = np.einsum("kan,lan->kl", weighted, basis)
        if np.linalg.cond(normal) > 1e10:
            return None
        numbers = np.linalg.solve(normal, np.einsum("kan,na->k", weighted, target))
        residual = np.einsum("kan,k->na", basis, numbers) - target
        away = np.linalg.norm(residual, axis=-1)
        # The median length of a residual in two dimensions is 1.18 standard deviations.
        spread = max(float(np.median(away[weight > 0])) / 1.18, FINEST / scale)
        before, weight = weight, np.clip(1 - (away / (CUT * spread)) ** 2, 0, None) ** 2
        if np.abs(weight - before).max() < SETTLED:
            break
    covariance = np.linalg.inv(normal) * spread**2 * ALIKE
    return numbers, weight, covariance


def _as_matrix(numbers: np.ndarray, kind: str, centre: np.ndarray, radius: float) -> np.ndarray:
    """Return the [3, 3] matrix, in pixels, of a motion of places measured from the centre in half diagonals."""
    full = np.eye(3)
    full[:2, 2] = numbers[:2]
    if kind == "zoom":
        full[[0, 1], [0, 1]] += numbers[2]
    elif kind == "similarity":
        full[:2, :2] += [[numbers[2], -numbers[3]], [numbers[3], numbers[2]]]
    elif kind != "shift":
        full[[0, 1], [0, 1]] += numbers[2:4]
        if kind != "stretch":
            full[[0, 1], [1, 0]] += numbers[4:6]
        if kind == "homography":
            full[2, :2] = numbers[6:8]
    inwards = np.array([[1 / radius, 0, -centre[0] / radius], [0, 1 / radius, -centre[1] / radius], [0, 0, 1]])
    return np.linalg.inv(inwards) @ full @ inwards


def _bent(mapping: Mapping, here: np.ndarray, there: np.ndarray) -> Fit | None:
    """Fit a smooth bend on top of a map, together with a correction of its affine part."""
    back = np.linalg.inv(mapping.matrix)
    unmapped = np.concatenate([there, np.ones_like(there[:, :1])], axis=-1) @ back.T
    shift = unmapped[:, :2] / unmapped[:, 2:] - here
    x, y = ((here - mapping.centre) / mapping.radius).T
    terms = np.stack([np.ones_like(x), x, y, *(x**i * y**j for i, j in POWERS)])
    zero = np.zeros_like(terms)
    basis = np.concatenate([np.stack([terms, zero], axis=1), np.stack([zero, terms], axis=1)])
    solved = _robust(basis, shift, mapping.scale())
    if solved is None:
        return None
    numbers, weight, covariance = solved
    both = numbers.reshape(2, -1)
    # The affine part goes into the matrix; to first order it is the same before and after the bend.
    affine = np.eye(3)
    affine[:2, :2] += both[:, 1:3] / mapping.radius
    affine[:2, 2] = both[:, 0] - both[:, 1:3] @ mapping.centre / mapping.radius
    moved = replace(mapping, matrix=mapping.matrix @ affine, bend=both[:, 3:].T)

    def basis_of(across: np.ndarray, down: np.ndarray) -> np.ndarray:
        of = np.stack([np.ones_like(across), across, down, *(across**i * down**j for i, j in POWERS)])
        none = np.zeros_like(of)
        return np.concatenate([np.stack([of, none], axis=1), np.stack([none, of], axis=1)])

    return _judged(moved, "bend", here, there, weight, basis_of, covariance, mapping.scale())


def _judged(
    mapping: Mapping,
    kind: str,
    here: np.ndarray,
    there: np.ndarray,
    weight: np.ndarray,
    basis_of: Callable[[np.ndarray, np.ndarray], np.ndarray],
    covariance: np.ndarray,
    scale: float,
) -> Fit:
    away = np.linalg.norm(mapping(here) - there, axis=-1)
    used = weight > 0
    x, y = (
        each.ravel()
        for each in np.meshgrid(np.linspace(0, mapping.width - 1, 5), np.linspace(0, mapping.height - 1, 5))
    )
    everywhere = (np.stack([x, y], axis=-1) - mapping.centre) / mapping.radius
    basis = basis_of(*everywhere.T)
    if kind == "homography":
        basis = np.concatenate([basis[:6], -basis[6:]])
    variance = np.einsum("kan,kl,lan->n", basis, covariance, basis)
    error = float(np.sqrt(variance.max().clip(0))) * scale
    return Fit(mapping, kind, error, float(np.median(away[used])) / 1.18, used)
