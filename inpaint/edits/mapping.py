"""Where each pixel of the original lies in the edited picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Powers of x and y in the smooth bend: what a lens does, and no more.
POWERS = tuple((i, j) for degree in range(2, 4) for i in range(degree + 1) for j in [degree - i])


@dataclass(frozen=True)
class Mapping:
    """A map from places in the original to places in the edited picture.

    A place is (x, y) in pixels; whole numbers are the centres of pixels.
    """

    matrix: np.ndarray
    """[3, 3] float64 homography."""
    width: int
    """Width of the original in pixels."""
    height: int
    """Height of the original in pixels."""
    bend: np.ndarray | None = None
    """[7, 2] float64: shift in pixels of the original before the matrix, for each of POWERS of the place measured from
    the centre in half diagonals. None for none."""

    @classmethod
    def resize(cls, size: tuple[int, ...], other: tuple[int, ...]) -> Mapping:
        """Return the map of a plain resize from (height, width) `size` to `other`."""
        return cls(resize_matrix(size, other), size[1], size[0])

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Map places [N, 2] to places [N, 2]."""
        return np.stack(self.at(places[:, 0], places[:, 1]), axis=-1)

    def at(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map places given as x and y, of shapes that go together."""
        if self.bend is not None:
            terms = self.monomials(x, y)
            x = x + sum(number * term for number, term in zip(self.bend[:, 0], terms, strict=True))
            y = y + sum(number * term for number, term in zip(self.bend[:, 1], terms, strict=True))
        across, down, depth = (a * x + (b * y + c) for a, b, c in self.matrix)
        if not self.matrix[2, :2].any():
            return across / self.matrix[2, 2], down / self.matrix[2, 2]
        return across / depth, down / depth

    def monomials(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the monomials of POWERS at each place."""
        (left, top), radius = self.centre, self.radius
        x, y = (x - left) / radius, (y - top) / radius
        return [x**i * y**j for i, j in POWERS]

    @property
    def centre(self) -> np.ndarray:
        """Centre of the original, [2]."""
        return np.array([self.width - 1, self.height - 1]) / 2

    @property
    def radius(self) -> float:
        """Half the diagonal of the original in pixels."""
        return float(np.hypot(self.width, self.height) / 2)

    def rescaled(self, original: tuple[int, ...], before: tuple[int, ...], after: tuple[int, ...]) -> Mapping:
        """Return the same map between pictures of other sizes.

        Args:
            original: (height, width) of the original that the new map starts from.
            before, after: (height, width) of the edited picture of this map and of the new one.
        """
        to_old = resize_matrix(original, (self.height, self.width))
        matrix = resize_matrix(before, after) @ self.matrix @ to_old
        bend = None if self.bend is None else self.bend / np.diag(to_old)[:2]
        return Mapping(matrix / matrix[2, 2], original[1], original[0], bend)

    def without_bend(self) -> Mapping:
        return replace(self, bend=None)

    def corners(self) -> np.ndarray:
        """Map the corners of the original, [4, 2], clockwise from the upper left one."""
        right, bottom = self.width - 1.0, self.height - 1.0
        return self(np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]]))

    def scale(self) -> float:
        """Pixels of the edited picture per pixel of the original at the centre, the mean of both directions."""
        near = self(self.centre + np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]]))
        across, down = near[0] - near[1], near[2] - near[3]
        return float(np.sqrt(abs(across[0] * down[1] - across[1] * down[0])))


def resize_matrix(size: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
    """Return the [3, 3] matrix of a resize from (height, width) `size` to `other`."""
    down, across = other[0] / size[0], other[1] / size[1]
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def far_apart(first: Mapping, second: Mapping) -> float:
    """Return the largest distance in pixels of the edited picture between two maps, over a grid of places."""
    x, y = np.meshgrid(np.linspace(0, first.width - 1, 7), np.linspace(0, first.height - 1, 7))
    places = np.stack([x.ravel(), y.ravel()], axis=-1)
    return float(np.linalg.norm(first(places) - second(places), axis=-1).max())
