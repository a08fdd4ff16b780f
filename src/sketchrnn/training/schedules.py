"""Schedules as pure functions of the step."""

from __future__ import annotations


def learning_rate(step: int, start: float, decay: float, minimum: float) -> float:
    """(start - minimum) decay^step + minimum: the reference code's decay."""
    return (start - minimum) * decay**step + minimum


def kl_weight(step: int, w_KL: float, eta_min: float, R: float) -> float:
    """w_KL eta, with eta = 1 - (1 - eta_min) R^step (supplement, eq. 3)."""
    return w_KL * (1 - (1 - eta_min) * R**step)
