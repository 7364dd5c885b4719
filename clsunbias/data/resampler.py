"""What a resampler is: it makes another training split of the one that was loaded."""

from abc import ABC, abstractmethod
from typing import ClassVar

from clsunbias.data.split import Split


class Resampler(ABC):
    """Makes another training split of the one that was loaded: fewer rows, repeated, new or better described ones.

    Attributes:
        in_memory: whether it needs rows in memory.
    """

    in_memory: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, train: Split) -> Split:
        """The split to train on."""
