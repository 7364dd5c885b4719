"""A CSV file of features: which of its columns a model can learn from."""

from pathlib import Path
from typing import Any

import pandas as pd

from clsunbias.data.categories import MOST_LEVELS
from clsunbias.data.scale import fit_scale
from clsunbias.data.tabular import Tabular, tensor
from clsunbias.data.twins import row_copies
from clsunbias.errors import InputError, listed, shortened
from clsunbias.experiments.own_data.copies import free_name, group_copies, in_groups
from clsunbias.experiments.own_data.understanding import (
    Asked,
    Understood,
    read_asked,
    roles,
)
from clsunbias.files import write_csv

MOSTLY_EMPTY = 0.9
"""Share of missing cells from which on a column is left out."""

FEW_ROWS = 1000
"""Below this a linear model, above it one hidden layer."""


def understand_table(asked: Asked, out: Path) -> Understood:
    """A CSV file whose columns are features, but for those that say nothing, or are names; see :class:`Understood`.

    Where rows are copies, a table with their groups is written to ``out``.
    """
    frame, _ = read_asked(asked)
    labels, patients, classes = roles(asked, frame)
    features = frame.drop(columns=[*asked.named, *asked.attributes, *asked.ignore])
    left_out = useless(features)
    kept = features.drop(columns=list(left_out))
    if kept.empty or not len(kept.columns):
        raise InputError(f"{asked.path} has no column of features: {listed(left_out.values())}")
    words = [name for name, column in kept.items() if is_text(column)]
    width = (
        len(kept.columns)
        - len(words)
        + sum(levels if (levels := kept[name].str.strip().nunique()) > 2 else 1 for name in words)
    )
    missing = kept.isna().sum()
    outputs = 1 if len(classes) == 2 else len(classes)
    network: dict[str, Any] = {
        "class_path": "torch.nn.Linear",
        "init_args": {"in_features": width, "out_features": outputs},
    }
    if len(frame) >= FEW_ROWS:
        hidden = {"in_channels": width, "hidden_channels": [32, outputs]}
        network = {"class_path": "torchvision.ops.MLP", "init_args": hidden}
    remarks = [f"left out {shortened(name)}: {why}" for name, why in left_out.items()]
    found = Understood(
        "table",
        asked,
        "tabular.yaml",
        {
            "data.init_args.path": str(asked.path.resolve()),
            "data.init_args.label": asked.label,
            "data.init_args.group": asked.patient,
            "data.init_args.attributes": [*asked.attributes],
            "data.init_args.classes": list(classes),
            "data.init_args.ignore": [*asked.ignore, *left_out],
            "data.init_args.missing": "median" if missing.any() else "refuse",
            "data.init_args.text": "encode" if words else "refuse",
            "model.network": network,
        },
        labels,
        patients,
        classes,
        {
            "features": f"{len(kept.columns)}: {len(kept.columns) - len(words)} of numbers, {len(words)} of words; "
            f"{width} inputs of the model ({'linear' if len(frame) < FEW_ROWS else 'one hidden layer of 32'})",
            "missing cells": missing_words(missing, len(frame)),
        },
        remarks,
    )
    return without_copies(found, frame, out)


def without_copies(found: Understood, frame: pd.DataFrame, out: Path) -> Understood:
    """Rows with their copies in one group, and those of two classes left out, as a table in ``out``; else as found."""
    asked, settings = found.asked, found.settings
    if asked.allow_leaks:
        return found
    roles = {"group", "ignore", "missing", "text", "attributes", "classes"}
    known = {name: settings[f"data.init_args.{name}"] for name in roles}
    values, _ = Tabular(asked.path.resolve(), asked.label or "", **known).measurements()
    scaled = fit_scale(values, known["missing"] == "median", asked.path)(tensor(values)).double().numpy()
    copies = group_copies(row_copies(scaled), found.labels, found.patients, [f"row {row}" for row in frame.index])
    if copies is None:
        return found
    table, group = out / f"{asked.path.stem}.csv", free_name([*frame])
    write_csv(table, frame.loc[copies.kept].assign(**{group: copies.groups}))
    return in_groups(found, copies, table, group, "rows")


def useless(features: pd.DataFrame) -> dict[str, str]:
    """Columns that no model can learn from, and why."""
    found = {}
    for name, column in features.items():
        said = column.dropna().str.strip()
        if len(said) < (1 - MOSTLY_EMPTY) * len(column):
            found[str(name)] = f"{len(column) - len(said)} of {len(column)} cells are missing"
        elif said.nunique() < 2:
            found[str(name)] = "the same in every row"
        elif is_name(said):
            found[str(name)] = "another in every row: a name or a number of records"
        elif is_text(column) and said.nunique() > MOST_LEVELS:
            found[str(name)] = f"text with {said.nunique()} different entries"
    return found


def is_name(said: pd.Series) -> bool:
    """Whether cells are all different, and text or whole numbers."""
    if len(said) < 20 or said.nunique() < len(said):
        return False
    numbers = pd.to_numeric(said, errors="coerce")
    return bool(numbers.isna().any() or (numbers % 1 == 0).all())


def is_text(column: pd.Series) -> bool:
    """Whether more than half of what a column holds is no number."""
    said = column.dropna().str.strip()
    return len(said) > 0 and bool(pd.to_numeric(said, errors="coerce").notna().mean() < 0.5)


def inputs(column: pd.Series) -> int:
    """Numbers that a column becomes: one for each entry of text, if there are more than two."""
    entries = column.str.strip().nunique() if is_text(column) else 1
    return entries if entries > 2 else 1


def missing_words(missing: pd.Series, rows: int) -> str:
    """How much is missing, and where most."""
    if not missing.any():
        return "none"
    most = missing[missing > 0].sort_values(ascending=False)
    shown = listed((f"{shortened(name)} {count / rows:.0%}" for name, count in most.items()), 4)
    return f"{missing.sum() / (rows * len(missing)):.0%} of all ({shown}); the median of the training rows fills them"
