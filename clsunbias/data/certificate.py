"""The leak certificate: that no patient, image, recording or row of a data set stands in two of its splits."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from clsunbias.data.split import Split
from clsunbias.data.twins import Twin, name_twins, patients, plain_name
from clsunbias.errors import InputError, listed
from clsunbias.leak_words import KINDS


def check_leaks(
    name: str, splits: Mapping[str, Split], compared: str, twins: Sequence[Twin], status: str
) -> dict[str, Any]:
    """The certificate of a data set, as a record has it: no name of a unit is in it, but a hash of those of a split.

    Args:
        name: of the data set.
        splits: its splits, as they were loaded.
        compared: as what their rows were compared; nothing if they were not.
        twins: of their contents; those of names are found here.
        status: ``refused`` if a run with any is stopped, else a key of :data:`~clsunbias.leak_words.STATUS`.

    Returns:
        ``unit``, and of its ``names`` by split the number and the sha256 (sorted, without blanks and case), nothing
        where units have no names; ``compared``; how many pairs were ``found`` of each kind; ``status``.

    Raises:
        InputError: splits share what they must not, and that is refused.
    """
    every = [*name_twins(splits), *twins]
    if every and status == "refused":
        shown = [
            f"{words.format(compared)} (such as {listed(map(str, own), 2)})"
            for kind, words in KINDS.items()
            if (own := [twin for twin in every if twin.kind == kind])
        ]
        raise InputError(
            f"{name}: its splits share what no two may: {len(every)} pairs {' and '.join(shown)}. Keep one of each, "
            "put both into one split, or name whose rows they are (data.group of a table); --data.allow_leaks true "
            "trains all the same, and record and card say so"
        )
    units = {split: found for split, rows in splits.items() if (found := patients(rows))}
    names = {split: sorted({plain_name(str(one)) for one in found.names or ()}) for split, found in units.items()}
    return {
        "unit": next((found.name for found in units.values()), None),
        "names": {
            split: {"count": len(own), "sha256": hashlib.sha256("\n".join(own).encode()).hexdigest()}
            for split, own in names.items()
        },
        "compared": compared,
        "found": {kind: sum(twin.kind == kind for twin in every) for kind in KINDS},
        "status": status if every else "none found",
    }
