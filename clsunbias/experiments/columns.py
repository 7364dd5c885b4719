"""Data sets as a grid declares them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import register_type

from clsunbias.files import data_root


class Parameters(dict[str, Any]):
    """Dotted parameters of the command line and their values, which it checks; classes in them are not made here."""

    __slots__ = ()  # jsonargparse copies what has attributes by these alone


register_type(Parameters, dict, Parameters)


@dataclass(frozen=True)
class Simulated:
    """Made-up recordings in place of a corpus, for ``--simulated``.

    Attributes:
        corpus: whose raw layout.
        speakers: number of speakers.
        hours: of their speech.
        seed: of the recordings.
        test_cue: who of the test has the planted cue that informs about one class only.
        set: dotted parameters on top of the column's.
    """

    corpus: Literal["daic_woz", "modma", "adress"]
    speakers: int
    hours: float
    seed: int = 0
    test_cue: Literal["as_in_train", "none", "all"] = "as_in_train"
    set: Parameters = field(default_factory=Parameters)


@dataclass(frozen=True)
class Column:
    """A data set.

    Attributes:
        label: as tables show it.
        configs: its config under each protocol; a protocol that is not named is not run.
        needs: file below the data root without which there are no data; None when nothing is needed.
        get: the command that brings it.
        set: dotted parameters on top of the config.
        per_seed: dotted parameters that take the value of the run's seed.
        published: row → metric → the paper's (mean, standard deviation).
        simulated: what takes its place in a table of simulated results.
    """

    label: str
    configs: dict[str, str]
    needs: str | None = None
    get: str = ""
    set: Parameters = field(default_factory=Parameters)
    per_seed: list[str] = field(default_factory=list)
    published: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    simulated: Simulated | None = None

    @property
    def source(self) -> Path | None:
        """The file without which there are no data."""
        return data_root(None) / self.needs if self.needs else None

    @property
    def has_data(self) -> bool:
        """Whether the data are there, as far as can be seen without loading them."""
        return self.source is None or self.source.exists()
