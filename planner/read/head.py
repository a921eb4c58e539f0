"""A trained head on frozen features: multinomial logistic regression, fitted in seconds without any library."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """Weights of a linear classifier; the last row is the bias."""

    weights: Matrix

    def logits(self, features: Matrix) -> Matrix:
        """One row of scores per row of features."""
        return features @ self.weights[:-1] + self.weights[-1]


def fit(features: Matrix, classes: NDArray[np.int64], count: int, *, penalty: float = 0.05, rounds: int = 60) -> Head:
    """Fits by Böhning's fixed-Hessian Newton steps: one small matrix is inverted once, then every step improves.

    `penalty` is the L2 weight against the mean log-loss summed over samples; larger is smoother.
    """
    samples = len(features)
    inputs = np.concatenate([features, np.ones((samples, 1), dtype=np.float32)], axis=1)
    wanted: Matrix = np.zeros((samples, count), dtype=np.float32)
    wanted[np.arange(samples), classes] = 1.0
    curvature = 0.5 * inputs.T @ inputs + penalty * np.eye(inputs.shape[1], dtype=np.float32)
    step = np.linalg.inv(curvature).astype(np.float32)
    weights = np.zeros((inputs.shape[1], count), dtype=np.float32)
    previous = weights
    for round_ in range(rounds):
        momentum = np.float32(round_ / (round_ + 3))  # Nesterov's
        ahead: Matrix = (weights + momentum * (weights - previous)).astype(np.float32)
        slope = inputs.T @ (softmax(inputs @ ahead) - wanted) + np.float32(penalty) * ahead
        previous, weights = weights, (ahead - step @ slope).astype(np.float32)
    return Head(weights)


def softmax(scores: Matrix) -> Matrix:
    """Probabilities along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
