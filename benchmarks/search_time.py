"""Wall time of a search whose trials end early, over the same in full, and whether the same settings are chosen.

Table 2's tuned protocol on BreastMNIST, three of its methods, at half of its epochs: six settings on two seeds, and the
best on validation with five fresh seeds.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from benchmarks.grid_time import ROWS, reproduce
from benchmarks.timing import Row
from clsunbias.data import BreastMNIST
from clsunbias.errors import InputError
from clsunbias.files import CONFIGS

EPOCHS = 40
EARLY = {"share": 0.5, "halving": True}


def reproduced(out: Path, early: bool) -> tuple[float, dict[str, str]]:
    """Seconds of ``reproduce`` in two workers, and the setting that each method's runs have."""
    grid = yaml.safe_load((CONFIGS / "tables" / "table2.yaml").read_text())
    grid["rows"] = {row: grid["rows"][row] for row in ROWS}
    tuned = grid["protocols"]["tuned"]
    tuned["set"]["trainer.max_epochs"] = EPOCHS
    tuned["search"] |= EARLY if early else {}
    path = out / "table2.yaml"
    path.write_text(yaml.safe_dump(grid))
    seconds = reproduce(str(out), path, "--columns", "breast", "--protocols", "tuned")
    runs = pd.read_csv(out / "table2_runs.csv").drop_duplicates("row")
    return seconds, dict(zip(runs["row"], runs["setting"], strict=True))


def measure() -> Sequence[Row]:
    """The search in full, then with early ends; both with the final runs, which are the same."""
    try:
        BreastMNIST().setup("fit")
    except InputError as error:
        return [Row("search_time: Table 2 tuned, on BreastMNIST", f"not measured: {error}")]
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as early:
        (whole, chosen), (short, found) = reproduced(Path(full), False), reproduced(Path(early), True)
    same = sum(found[row] == setting for row, setting in chosen.items())
    what = f"search_time: {len(ROWS)} methods tuned on BreastMNIST, final runs included"
    return [
        Row(f"{what}: with early ends over in full", f"{short / whole:.2f} ({short:.0f} s over {whole:.0f} s)"),
        Row(f"{what}: methods whose setting is the same", f"{same} of {len(chosen)}"),
    ]
