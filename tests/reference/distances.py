"""The distance of two normal distributions (Olkin and Pukelsheim 1982) in NumPy, float64, by roots of matrices."""

import numpy as np


def style_distance(found, goal):
    """The distance of two arrays of features [positions, C], divided by the trace of the goal's second moment."""
    mean, variance = found.mean(0), np.cov(found.T, bias=True)
    mean_goal, variance_goal = goal.mean(0), np.cov(goal.T, bias=True)
    root = root_of(variance_goal)
    cross = np.sqrt(np.linalg.eigvalsh(root @ variance @ root).clip(0)).sum()
    distance = np.sum((mean - mean_goal) ** 2) + np.trace(variance) + np.trace(variance_goal) - 2 * cross
    return distance / np.mean(np.sum(goal**2, 1))


def root_of(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
