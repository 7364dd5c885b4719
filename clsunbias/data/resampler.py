"""What a resampler is: it makes another training split of the one that was loaded."""

from abc import ABC, abstractmethod

from clsunbias.data.split import Split


class Resampler(ABC):
    """Makes another training split of the one that was loaded: fewer rows, repeated, new or better described ones."""

    @abstractmethod
    def __call__(self, train: Split) -> Split:
        """The split to train on, of one whose rows are in memory."""
