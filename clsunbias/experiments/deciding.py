"""Decision rules on finished runs: what a rule is given, what is kept of its choice, and how that is found again."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clsunbias.decisions import Decision, DecisionRule, Scores, spread
from clsunbias.decisions.base import DRAWS
from clsunbias.decisions.rules import find_rule, rule_name
from clsunbias.errors import InputError, listed
from clsunbias.experiments.analysis.decided import VALIDATION, Outcome, apply, scores_by_split
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import BY_CLASS, METRICS, OF_TWO
from clsunbias.experiments.attributes import Attributes
from clsunbias.experiments.running.config import seedless
from clsunbias.experiments.running.run import Record, read_record
from clsunbias.files import check_seal, sealed, sha256_of, write_json

FOLDER = "decisions"
"""Where a run's decisions lie, a file a rule."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a rule is given of a run, or of runs that differ in nothing but their seeds: their scores by split."""

    folder: Path
    records: Sequence[Record]
    splits: Mapping[str, Scores]

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, where the record has them."""
        return tuple(self.records[0].result.get("class_names", ()))


def read_given(folder: Path, rule: type[DecisionRule], attributes: Attributes | None = None) -> Given:
    """Reads the scores of a finished run, or of several seeds' runs in a folder, with what a rule needs beside them.

    Args:
        folder: of a run, or the folder above the runs of several seeds.
        rule: what is to be chosen.
        attributes: an attribute of the units.

    Raises:
        InputError: no finished run, or runs that differ in more than their seeds; predictions that are not those of
            their record, or hold no validation; a rule that lacks what it needs.
    """
    records = records_in(folder)
    frames = [pd.read_csv(io.BytesIO(record.file("predictions")), dtype={"unit": str}) for record in records]
    for record, frame in zip(records, frames, strict=True):
        if VALIDATION not in set(frame["split"]):
            raise InputError(
                f"{record.folder / 'predictions.csv'} has no rows of validation, which a rule is chosen on: "
                "runs of fit leave them, so have it run again"
            )
        if not frame[["split", "unit", "label"]].equals(frames[0][["split", "unit", "label"]]):
            raise InputError(
                f"{record.folder} was scored on other units than {records[0].folder}: give runs of one data set"
            )
    if len(records) == 1:
        splits = scores_by_split(frames[0], records[0].features())
    else:
        several = [scores_by_split(frame) for frame in frames]
        members = {name: np.stack([one[name].prob for one in several]) for name in several[0]}
        splits = {
            name: replace(one, prob=members[name].mean(0), members=members[name]) for name, one in several[0].items()
        }
    if attributes:
        group = attributes.of_units(frames[0])
        splits = {name: replace(one, group=group[name]) for name, one in splits.items()}
    lacking(folder, rule, len(records))
    splits[VALIDATION].check(rule.needs, f"the rule {rule_name(rule)}")
    return Given(folder, records, splits)


def lacking(folder: Path, rule: type[DecisionRule], runs: int) -> None:
    """Raises InputError for a rule of one run that is given several."""
    if runs > 1 and "features" in rule.needs:
        raise InputError(
            f"the rule {rule_name(rule)} needs features, which differ between the {runs} runs in {folder}: give one "
            "of them"
        )


def records_in(folder: Path) -> list[Record]:
    """The record of a run, or of the runs of several seeds in a folder; InputError if there are none, or others."""
    if (folder / "result.json").is_file():
        return [read_record(folder)[0]]
    runs = sorted(path.parent for path in folder.glob("*/result.json"))
    if not runs:
        raise InputError(
            f"{folder} holds no finished run (there is no result.json in it, nor in a folder of it); give the folder "
            "of a run, or the one above the runs of several seeds"
        )
    found = [read_record(run) for run in runs]
    configs = [seedless(config) for _, config in found]
    others = [run.name for run, config in zip(runs, configs, strict=True) if config != configs[0]]
    if others:
        raise InputError(
            f"the runs in {folder} differ in more than their seeds ({runs[0].name} and {listed(others)}); give the "
            "folder of one run, or one of runs that are seeds of the same"
        )
    return [record for record, _ in found]


def decide(given: Given, rule: DecisionRule, options: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """Chooses a rule on validation and applies it to the other splits.

    Args:
        given: the scores.
        rule: what chooses, made with options.
        options: the arguments that it was made with.
        about: what else the record says, such as the attribute.

    Returns:
        The record: rule, options, value and its spread, metrics by split as they were (``raw``) and under the rule
        (``decided``), hashes of the predictions behind it, and a hash of the rest.
    """
    decision, outcomes = apply(rule, given.splits)
    names = list(given.splits)
    raw = {name: Outcome(one.prob, one.prob.argmax(1)) for name, one in given.splits.items() if name in outcomes}
    first = given.records[0]
    return sealed(
        {
            "rule": rule_name(type(rule)),
            "options": dict(options),
            **{name: first.result[name] for name in ("dataset", "objective", "simulated")},
            "seeds": [record.result["seed"] for record in given.records],
            "class_names": list(given.classes),
            "value": finite(decision.value()),
            "spread": {name: list(ends) for name, ends in spread(rule, given.splits[VALIDATION]).items()},
            "draws": DRAWS,
            "units": {name: len(given.splits[name].prob) for name in names},
            "raw": metrics_by_split(given, raw),
            "decided": metrics_by_split(given, outcomes),
            "predictions_sha256": [sha256_of(record.folder / "predictions.csv") for record in given.records],
            **about,
        }
    )


def metrics_by_split(given: Given, outcomes: Mapping[str, Outcome]) -> dict[str, dict[str, float | None]]:
    """All metrics of each split, and as ``test`` of several test splits together; None where one has no value."""
    labels = {name: given.splits[name].labels for name in outcomes}
    tests = [name for name in outcomes if name != "train"]
    parts = {name: [name] for name in outcomes} | ({"test": tests} if tests else {})
    classes = given.splits[VALIDATION].prob.shape[1]
    names = [
        *sorted(METRICS if classes == 2 else METRICS - OF_TWO),
        *(f"{kind}/{one}" for kind in BY_CLASS for one in given.classes),
    ]
    made = {}
    for split, several in parts.items():
        prob, decided = (np.concatenate([outcomes[name][at] for name in several])[np.newaxis] for at in (0, 1))
        target = np.concatenate([labels[name] for name in several])
        values = SplitScores(prob, target, names, given.classes, decided=decided).values
        made[split] = finite({name: float(one[0]) for name, one in values.items()})
    return made


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Values as JSON has them: None for one that is no finite number."""
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def write_decision(folder: Path, record: Mapping[str, Any]) -> Path:
    """Writes a decision's record below a run's folder; returns the file."""
    path = folder / FOLDER / f"{record['rule']}.json"
    write_json(path, record)
    return path


def decisions_of(folder: Path) -> list[dict[str, Any]]:
    """The decisions below a run's folder that rest on the predictions it has now, by the rules' names."""
    found = [read_decision(path) for path in sorted((folder / FOLDER).glob("*.json"))]
    now = [sha256_of(record.folder / "predictions.csv") for record in records_in(folder)]
    return [one for one in found if one["predictions_sha256"] == now]


def read_decision(path: Path) -> dict[str, Any]:
    """A decision's record, checked; InputError if it cannot be read, or was changed after it was written."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check_seal(record)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be used: {error}; run clsunbias decide again") from error
    return record


def saved_decision(folder: Path, name: str) -> Decision:
    """The decision that ``clsunbias decide`` saved for a run, chosen again on the same validation scores.

    Raises:
        InputError: there is none, it rests on other predictions, or it needs more of a unit than its probabilities.
    """
    rule, path = find_rule(name), folder / FOLDER / f"{name}.json"
    if not path.is_file():
        there = ", ".join(sorted(one.stem for one in (folder / FOLDER).glob("*.json"))) or "none"
        raise InputError(
            f"{folder} has no decision by {name} (it has: {there}); make one: clsunbias decide {folder} --rule {name}"
        )
    record = read_decision(path)
    if rule.needs:
        raise InputError(
            f"the rule {name} needs {' and '.join(rule.needs)} of each unit, and predict has its probabilities alone"
        )
    given = read_given(folder, rule)
    if record["predictions_sha256"] != [sha256_of(one.folder / "predictions.csv") for one in given.records]:
        raise InputError(f"{path} rests on other predictions than {folder} has now; run clsunbias decide again")
    decision = rule(**record["options"]).choose(given.splits[VALIDATION])
    if finite(decision.value()) != record["value"]:
        raise InputError(
            f"{path} holds another choice than {name} makes now (a newer version?); run clsunbias decide again"
        )
    return decision
