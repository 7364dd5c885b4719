"""Schedules: closed forms of training progress, one type for λ, τ and the learning rate."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from clsunbias.errors import InputError


class Schedule(ABC):
    """A number as a function of training progress, and of nothing else: resuming needs no state."""

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """The value at progress in [0, 1]: 0 at the first optimiser step, 1 at the last."""


def progress(step: int, total_steps: int) -> float:
    """Progress of a step (counted from 0) in a run of total_steps: step / (total_steps − 1), at most 1."""
    return min(1.0, step / max(1, total_steps - 1))


@dataclass(frozen=True)
class Linear(Schedule):
    """From start to end in a straight line: start + (end − start)·progress.

    The paper moves λ up and τ down so (arXiv 2508.06943, section 4.9).
    """

    start: float
    end: float

    def __call__(self, progress: float) -> float:
        return self.start + (self.end - self.start) * progress


@dataclass(frozen=True)
class Step(Schedule):
    """One value, then another: start before a share of the run, end from there on.

    Deferred re-weighting does so at 0.8 (arXiv 1906.07413), penalties of invariance early on.

    Args:
        start: the first value.
        end: the second.
        at: share of the run at which it comes, in [0, 1].

    Raises:
        InputError: at outside [0, 1].
    """

    start: float
    end: float
    at: float

    def __post_init__(self) -> None:
        if not 0 <= self.at <= 1:
            raise InputError(f"at is a share of the run in [0, 1], got {self.at}")

    def __call__(self, progress: float) -> float:
        return self.start if progress < self.at else self.end


@dataclass(frozen=True)
class WarmupCosine(Schedule):
    """A factor that rises linearly from 0 to 1, then falls to 0 along half a cosine.

    progress/warmup below warmup, ½(1 + cos(π·(progress − warmup)/(1 − warmup))) from there on
    (arXiv 2508.06943, section 4.9).

    Args:
        warmup: share of the run spent rising, in [0, 1); 0 starts at 1.

    Raises:
        InputError: warmup outside [0, 1).
    """

    warmup: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is a share of the run in [0, 1), got {self.warmup}")

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return progress / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))
