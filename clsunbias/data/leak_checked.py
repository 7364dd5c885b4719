"""What every data set has of leaks: whether they are allowed, how rows are compared, and the certificate."""

from collections.abc import Mapping
from typing import Any

from clsunbias.data.certificate import check_leaks
from clsunbias.data.split import Split
from clsunbias.data.twins import Twin, content_twins


class LeakChecked:
    """A data set whose splits are compared before training; a base of :class:`~clsunbias.data.DataModule`.

    Attributes:
        official_splits: whether the splits are those that others compare by: what they share stops no run.
        allow_leaks: whether a run was asked for although splits share something.
        leaks: the certificate, once the splits are set up for training; see :mod:`clsunbias.data.certificate`.
    """

    official_splits: bool = False
    name: str
    allow_leaks: bool
    leaks: dict[str, Any]

    def find_twins(self, splits: Mapping[str, Split]) -> tuple[str, list[Twin]]:
        """As what the rows of different splits were compared, nothing if they were not, and those that are copies."""
        return content_twins(splits)

    def certify(self, splits: Mapping[str, Split]) -> None:
        """Compares the splits; raises InputError if they share what they must not, unless that is allowed."""
        status = "official" if self.official_splits else "allowed" if self.allow_leaks else "refused"
        self.leaks = check_leaks(self.name, splits, *self.find_twins(splits), status)
