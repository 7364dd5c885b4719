"""``inputs.json``: what a run's model takes, as its data set gave account of it; kept with the run."""

import json
from pathlib import Path
from typing import Any

from clsunbias.errors import InputError
from clsunbias.experiments.running.run import read_record, remedy
from clsunbias.files import is_of_other_data

INPUTS = "inputs.json"
"""Its name in a run's folder."""


def read_inputs(run: Path) -> dict[str, Any] | None:
    """The account of the data that a run was trained on; None if its folder has none.

    Raises:
        InputError: it is not the one that the run wrote.
    """
    path = run / INPUTS
    result = read_record(run)[0].result if (run / "result.json").is_file() else {}
    if not path.is_file() and "inputs_sha256" not in result:  # of an earlier version
        return None
    try:
        account: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); {remedy(run)}") from error
    if is_of_other_data(result, path, "inputs"):
        raise InputError(f"{path} was changed after the run wrote it; {remedy(run)}")
    return account
