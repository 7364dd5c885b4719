"""The audit of a model that is not at hand, from its predictions and a table of features: no torch, no training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clsunbias.audit.balance import fit_balanced
from clsunbias.audit.diagnosed import of_scores
from clsunbias.audit.faults import check_classes, check_target
from clsunbias.audit.features import features_found
from clsunbias.audit.found import Audit
from clsunbias.audit.gap import gaps
from clsunbias.audit.information import codes_of
from clsunbias.decisions.base import log_prob
from clsunbias.errors import InputError, listed
from clsunbias.experiments.comparing.reading import FORMAT, Part, Predictions, of_frame

NO_FEATURES = {"unit", "split", "label", "seed", "class", "predicted", "positive_class", "prob"}
"""Columns of a file of features that are none."""


def audit_files(predictions: Path, features: Path | None, split: str | None, ignore: Sequence[str] = ()) -> Audit:
    """Audits predictions, and what features tell of them.

    Args:
        predictions: a CSV file: unit, label, probabilities, if need be split.
        features: a CSV file: unit, if need be split, and a column for each feature; None: the gap alone.
        split: which is audited; default ``test``, or the only one.
        ignore: columns of the features' file that are none.

    Raises:
        InputError: a file cannot be read or used, the units are others, or there are too few of a class.
    """
    frame = read(predictions)
    if "seed" in frame and frame["seed"].nunique() > 1:
        raise InputError(f"{predictions} holds {frame['seed'].nunique()} seeds; an audit is of one model: keep one")
    if "label" in frame:
        check_target(predictions, frame["label"].nunique())
    by_split = {str(name): rows for name, rows in frame.groupby("split", sort=False)} if "split" in frame else {}
    asked = split or next((name for name in ("test", "val") if name in by_split), next(iter(by_split), "test"))
    parts = {name: of_split(predictions, rows) for name, rows in (by_split or {"test": frame}).items()}
    if asked not in parts:
        raise InputError(f"{predictions} has no split {asked!r}; it has {listed(parts)}")
    for name in [name for name in parts if name != asked and not enough(parts[name])]:
        del parts[name]
    about = parts[asked]
    part, classes = about.parts["test"], about.classes
    check_classes(predictions, asked, part.target, classes)
    logs = log_prob(part.prob[0])
    losses = fit_balanced(logs, part.target).losses(logs, part.target)
    table = read_features(features, part, asked, ignore) if features else pd.DataFrame()
    codes = {str(name): codes_of(column, part.target, len(classes)) for name, column in table.items()}
    return Audit(
        predictions.stem,
        predictions,
        classes,
        asked,
        "unit",
        list(map(str, part.units)),
        part.target,
        part.prob[0],
        {name: gaps(one.parts["test"].prob[0], one.parts["test"].target) for name, one in parts.items()},
        [],
        features_found(codes, part.target, len(classes), losses),
        diagnostics=of_scores(logs, part.target, asked == "train"),
    )


def read(path: Path) -> pd.DataFrame:
    """A CSV file whose units are names."""
    if not path.is_file():
        raise InputError(f"there is no {path}; give a CSV file ({FORMAT})")
    try:
        return pd.read_csv(path, low_memory=False, dtype={"unit": str, "split": str})
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        raise InputError(f"{path} cannot be read as CSV: {error}") from error


def of_split(source: Path, rows: pd.DataFrame) -> Predictions:
    """The predictions of a split."""
    return of_frame(source.stem, source, rows.assign(split="test").reset_index(drop=True))


def enough(one: Predictions) -> bool:
    """Whether another split than the one asked for has units of each class for a gap."""
    return int(np.bincount(one.parts["test"].target, minlength=len(one.classes)).min()) > 1


def read_features(path: Path, part: Part, split: str, ignore: Sequence[str]) -> "pd.DataFrame":
    """The features of a split's units, in their order.

    Raises:
        InputError: no column unit, a unit twice, other units than the predictions', or no feature at all.
    """
    table: Any = read(path)
    if "unit" not in table:
        raise InputError(f"{path} has no column 'unit'; it has {listed(map(str, table), 12)}")
    if "split" in table:
        table = table[table["split"] == split]
    if twice := sorted(set(table["unit"][table["unit"].duplicated()].astype(str))):
        raise InputError(f"{path} has units twice: {listed(twice, 3)}; where splits share names, add a column split")
    units, found = pd.Index(part.units), pd.Index(table["unit"].astype(str))
    if len(lacking := units.difference(found)):
        raise InputError(
            f"{path} has no features of {len(lacking)} of the {len(units)} {split} units that were predicted "
            f"({listed(lacking, 3)}): give predictions and features of the same units"
        )
    names = [name for name in table if name not in NO_FEATURES | set(ignore) and not str(name).startswith("prob_")]
    if not names:
        raise InputError(f"{path} has no column of features beside {listed(map(str, table), 12)}")
    empty = [str(name) for name in names if table[name].isna().all()]
    if empty:
        raise InputError(f"{path}: {listed(empty)} is empty; take it out, or name it in --ignore")
    kept: pd.DataFrame = table[names].set_axis(found).loc[units]
    return kept.reset_index(drop=True)
