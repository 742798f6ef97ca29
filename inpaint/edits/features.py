"""First guesses of the map between two pictures, from features that survive light, scale and rotation."""

from __future__ import annotations

import numpy as np

# Most features of each picture.
MOST = 2500
# A match counts if it is nearer than this share of the second nearest. What repeats has two near ones, and drops out.
DISTINCT = 0.8
# Distance in pixels within which a match supports a map.
SUPPORT = 3.0
# Fewer supporting matches are chance.
FEWEST = 12
# The least and the largest change of scale, and the largest aspect ratio, of a believable map.
SCALES, ASPECT = (0.2, 5.0), 1.5


def guesses(original: np.ndarray, edited: np.ndarray, known: np.ndarray | None = None) -> list[np.ndarray]:
    """Find maps from the original to the edited picture.

    Args:
        original, edited: [H, W] and [h, w] uint8.
        known: [H, W] bool, where features of the original are looked for; None for everywhere.

    Returns:
        matrices [3, 3], a similarity and a homography if both are believable. Empty if too little is recognised.

    Source: SIFT of Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94; compared as RootSIFT of Arandjelovic and
        Zisserman 2012; MAGSAC++ of Barath et al. 2020 (OpenCV's USAC_MAGSAC).
    """
    import cv2

    finder = cv2.SIFT.create(MOST)
    masks = None if known is None else known.astype(np.uint8), None
    sought = zip((original, edited), masks, strict=True)
    points, descriptors = zip(*(finder.detectAndCompute(each, mask) for each, mask in sought), strict=True)
    if any(found is None or len(found) < FEWEST for found in descriptors):
        return []
    first, second = (np.sqrt(found / found.sum(axis=1, keepdims=True).clip(1e-6)) for found in descriptors)
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first, second, k=2)
    good = [near for near, next_near in pairs if near.distance < DISTINCT * next_near.distance]
    if len(good) < FEWEST:
        return []
    here = np.array([points[0][match.queryIdx].pt for match in good])
    there = np.array([points[1][match.trainIdx].pt for match in good])
    found = []
    similarity, support = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=SUPPORT)
    if similarity is not None and support.sum() >= FEWEST:
        found.append(np.vstack([similarity, [0, 0, 1]]))
    homography, support = cv2.findHomography(here, there, cv2.USAC_MAGSAC, SUPPORT, maxIters=5000, confidence=0.9999)
    if homography is not None and support.sum() >= FEWEST:
        found.append(homography)
    return [matrix for matrix in found if believable(matrix, original.shape)]


def believable(matrix: np.ndarray, size: tuple[int, ...]) -> bool:
    """Whether a map keeps a picture of this (height, width) about as it is: no mirror image, no wild perspective."""
    height, width = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64) @ matrix.T
    if (corners[:, 2] * matrix[2, 2] <= 0).any():
        return False
    placed = corners[:, :2] / corners[:, 2:]
    sides = np.roll(placed, -1, axis=0) - placed
    turns = sides[:, 0] * np.roll(sides, -1, axis=0)[:, 1] - sides[:, 1] * np.roll(sides, -1, axis=0)[:, 0]
    scales = np.linalg.norm(sides, axis=1) / np.array([width, height, width, height])
    return bool(
        (turns > 0).all()
        and scales.min() > SCALES[0]
        and scales.max() < SCALES[1]
        and scales.max() < ASPECT * scales.min()
    )
