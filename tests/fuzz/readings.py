"""Other readings of the same files, by Python's csv module and plain loops, to compare the suite's with."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clsunbias.data import Tabular
from clsunbias.splits import SPLIT_NAMES


def read_rows(path: Path, separator: str = ",", quoted: bool = True) -> list[dict[str, str]]:
    """Rows of a table with a header; short ones are filled up, lines without any text are none."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(
            file, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, skipinitialspace=True
        )
        lines = [line for line in reader if line]
    header, *rows = lines or [[]]
    return [dict(zip(header, [*row, *[""] * len(header)], strict=False)) for row in rows]


def number(text: str) -> float:
    """A cell as a number; one that is missing, or none, as NaN."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def what_is_wrong_with(data: Tabular, path: Path) -> str:
    """In what a table that was read differs from this reading of it, or nothing."""
    rows = read_rows(path)
    labels = [row[data.label].strip() for row in rows]
    if set(labels) != set(data.class_names):
        return f"classes are {data.class_names}, labels {sorted(set(labels))}"
    units = {name: [int(unit) for unit in split.units[-1].names or []] for name, split in data.splits.items()}
    numbers = sorted(unit for names in units.values() for unit in names)
    first = min(numbers)  # rows are counted from here
    if numbers != list(range(first, first + len(rows))):
        return f"of {len(rows)} rows {len(numbers)} are in splits: {numbers}"
    values = np.array([[number(row[name]) for name in data.features] for row in rows], np.float64)
    if data.missing == "refuse" and np.isnan(values).any():
        return f"cells that are no numbers were taken, in row {int(np.isnan(values).any(1).argmax()) + 1}"
    scaled = standardised(values, np.array(units["train"]) - first)
    owners: dict[str, set[str]] = {}
    for name, split in data.splits.items():
        for place, unit in enumerate(units[name]):
            row = rows[unit - first]
            given = SPLIT_NAMES.get(row[data.split].strip().lower(), "") if data.split else ""
            if given not in {"", name}:
                return f"row {unit} is in {name}, the file says {given}"
            if data.class_names[int(split.target[place])] != labels[unit - first]:
                return f"row {unit} is of class {int(split.target[place])}, its label is {labels[unit - first]!r}"
            if not np.allclose(split.x[place].numpy(), scaled[unit - first], rtol=1e-3, atol=1e-4):
                return f"row {unit} is {split.x[place].tolist()}, should be {scaled[unit - first].tolist()}"
            owners.setdefault(row[data.group].strip() if data.group else str(unit), set()).add(name)
    torn = [owner for owner, splits in owners.items() if len(splits) > 1]
    return f"{data.group} {torn[0]} is in {sorted(owners[torn[0]])}" if torn else ""


def standardised(values: npt.NDArray[np.float64], train: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Values by median, mean and deviation of the training rows; what does not vary there is only moved."""
    values = np.where(np.isnan(values), np.nanmedian(values[train], axis=0), values)
    deviation = values[train].std(0)
    flat = deviation <= 1e-9 * np.abs(values[train]).max(0)
    scaled: npt.NDArray[np.float64] = (values - values[train].mean(0)) / np.where(flat | (deviation == 0), 1, deviation)
    return scaled
