"""What a finished run leaves: predictions.csv and result.json."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from rich.table import Table
from torch import Tensor

from clsunbias.config_differences import Difference, another_folder, differences, in_words
from clsunbias.data.units import Units
from clsunbias.decisions import Decision, Scores
from clsunbias.errors import InputError
from clsunbias.experiments.running.run import read_record
from clsunbias.files import is_of_other_data
from clsunbias.metrics import classification_metrics
from clsunbias.module import Classifier
from clsunbias.remarks import remarks
from clsunbias.terminal import console, note

PACKAGES = ("clsunbias", "torch", "lightning", "torchmetrics", "numpy", "medmnist", "librosa")


def finished(out: Path, config: Mapping[str, Any], sources: Mapping[str, Path | None], default: bool = False) -> bool:
    """Whether a folder holds the finished run of a config.

    Args:
        out: the folder.
        config: of the run, as it is saved.
        sources: files that the run was made from, by the name that its result has their hash under; the run still
            stands when one is gone.
        default: whether the folder is fit's own choice.

    Raises:
        InputError: it holds the finished run of another config or of other files, or what a file of it holds is not
            what the run wrote.
    """
    if not (out / "result.json").exists():
        return False
    record, saved = read_record(out)
    found, started = differences(saved, config), record.result.get("init_sha256")
    if bool(started) != bool(sources.get("init")):
        found.append(Difference("init_from", "another's weights" if started else "null", sources.get("init") or "null"))
    if found:
        raise InputError(
            f"{out} already holds a finished run of another config: {in_words(found)}; give another --out, such as "
            f"{another_folder(out, found, default)}, or delete that folder"
        )
    for name, source in sources.items():
        if is_of_other_data(record.result, source, name):
            what = "from other weights than those" if name == "init" else "on other data than those"
            raise InputError(f"{out} holds this run {what} in {source} now; give another --out, or delete that folder")
    record.check_files()
    return True


def check_source(result: Mapping[str, Any], source: Path | None) -> None:
    """Raises InputError if a model is to score data that are not those it was trained on, by their names or scale."""
    if is_of_other_data(result, source):
        raise InputError(
            f"{source} has changed since the run was made, and with it what its model's inputs mean (order of "
            "features, scale, classes): put the file back, or train anew on this one"
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def device_name(device: torch.device) -> str:
    """What a run was trained on, as records say it: ``cpu``, or the name of a GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


class UnitScores(NamedTuple):
    """Probabilities ``(U, C)`` and losses ``(U,)`` of the units of one split, on the CPU."""

    units: Units
    prob: Tensor
    loss: Tensor


def scored_units(model: Classifier, level: int = 0) -> dict[str, UnitScores]:
    """What the last evaluation scored, summed over processes: the headline's units, or those of another level."""
    assert model.data is not None
    scored = {}
    for split, scores in model.scores.items():
        units = model.data.splits[split].units[level]
        prob, loss, _ = scores.compute()
        check_finite(prob, f"{split} rows")
        scored[split] = UnitScores(units, *units.merge(prob, loss))
    return scored


def check_finite(prob: Tensor, of: str) -> None:
    """Raises InputError if a probability is not a finite number, which would still be ranked and decided upon."""
    wrong = (~prob.isfinite()).any(1).nonzero().flatten()
    if len(wrong):
        raise InputError(
            f"the model gives no finite probabilities for {len(wrong)} of {len(prob)} {of}, the first is number "
            f"{int(wrong[0])}: its training diverged, or their values are far outside those that it was trained on"
        )


def predictions(scored: Mapping[str, UnitScores], class_names: Sequence[str]) -> pd.DataFrame:
    """Every scored unit of every split: its class, the probabilities of all classes, and the most probable one.

    ``label`` counts the classes, as ``prob_0, prob_1, …`` do; ``class`` and ``predicted`` are names. Of two classes
    ``positive_class`` says which is positive: it is the second, that of ``prob_1``.
    """
    return pd.concat(
        labelled({"split": split, "unit": unit_names(units)}, units.target, prob, class_names)
        for split, (units, prob, _) in scored.items()
    )


def row_predictions(model: Classifier) -> pd.DataFrame | None:
    """Every scored row of every split with the ``unit`` that it is merged into, else as :func:`predictions`.

    Segments of a speaker, rows of a patient; None where the rows themselves are all that is scored.
    """
    assert model.data is not None
    frames = []
    for split, scores in model.scores.items():
        levels = model.data.splits[split].units
        merged = next((units for units in levels if units.of_row is not None), None)
        if merged is None or merged.of_row is None:
            return None
        prob, _, target = scores.compute()
        rows = next((units for units in levels if units.of_row is None), Units(target))
        names = unit_names(merged)
        about = {"split": split, "unit": [names[unit] for unit in merged.of_row.tolist()], "row": unit_names(rows)}
        frames.append(labelled(about, target, prob, class_names=model.data.class_names))
    return pd.concat(frames)


def unit_names(units: Units) -> Sequence[str | int]:
    """Names of units, or numbers from 0."""
    return units.names or range(len(units.target))


def labelled(about: dict[str, Any], target: Tensor, prob: Tensor, class_names: Sequence[str]) -> pd.DataFrame:
    """Columns that say what is scored, then its class and its probabilities."""
    names = np.array(class_names, dtype=object)
    columns = about | {"label": target.numpy(), "class": names[target]}
    columns |= {f"prob_{index}": prob[:, index].numpy() for index in range(prob.shape[1])}
    columns["predicted"] = names[prob.argmax(1)]
    if len(names) == 2:
        columns["positive_class"] = names[1]
    return pd.DataFrame(columns)


def decisions(prob: Tensor, class_names: Sequence[str], threshold: float | None) -> pd.DataFrame:
    """Probabilities of new inputs and what they decide: the class's number, its name, and the threshold used.

    Args:
        prob: float ``(N, C)``.
        class_names: C names.
        threshold: the second of two classes is decided for from it on; None is 0.5, the most probable class, of equal
            ones the first. With more classes there is none.

    Raises:
        InputError: a threshold outside [0, 1], or with more than two classes.
    """
    binary = len(class_names) == 2
    if threshold is not None and not (binary and 0 <= threshold <= 1):
        raise InputError(f"--threshold is for two classes and lies between 0 and 1, got {threshold}")
    frame = pd.DataFrame({f"prob_{index}": prob[:, index].numpy() for index in range(prob.shape[1])})
    frame["decision"] = (prob.argmax(1) if threshold is None else (prob[:, 1] >= threshold).long()).numpy()
    frame["prediction"] = [class_names[index] for index in frame["decision"]]
    if binary:
        frame["threshold"] = 0.5 if threshold is None else threshold
    return frame


def ruled(prob: Tensor, class_names: Sequence[str], name: str, rule: Decision) -> pd.DataFrame:
    """As :func:`decisions`, with probabilities after a rule, decided by it; its name and numbers stand beside it."""
    scores = Scores(prob.numpy().astype(float))
    after, decided = rule.probabilities(scores), rule.decide(scores)
    frame = pd.DataFrame({f"prob_{index}": after[:, index] for index in range(after.shape[1])})
    frame["decision"], frame["prediction"] = decided, [class_names[index] for index in decided]
    return frame.assign(rule=name, **{number.replace(" ", "_"): value for number, value in rule.value().items()})


def split_metrics(
    scored: Mapping[str, UnitScores], class_names: Sequence[str], ordered: bool
) -> dict[str, dict[str, float]]:
    """Metrics of every scored split; ``test`` takes several test splits together."""
    parts = {split: [part] for split, part in scored.items()}
    tests = [part for split, part in scored.items() if split not in {"train", "val"}]
    if tests:
        parts["test"] = tests
    return {
        split: classification_metrics(
            torch.cat([part.prob for part in several]),
            torch.cat([part.units.target for part in several]),
            torch.cat([part.loss for part in several]),
            class_names,
            ordered,
        )
        for split, several in parts.items()
    }


def units_and_metrics(
    levels: Sequence[Mapping[str, UnitScores]], class_names: Sequence[str], ordered: bool
) -> dict[str, Any]:
    """What a result says of a run's scores: classes, what a unit is, units and metrics of each split, other levels.

    Args:
        levels: scores of the headline's units, then of other levels.
        class_names: C names.
        ordered: whether the classes are grades.
    """
    names = [next(iter(scored.values())).units.name for scored in levels]
    return {
        "class_names": list(class_names),
        "positive": class_names[1] if len(class_names) == 2 else None,
        "unit": names[0],
        "units": {split: len(one.prob) for split, one in levels[0].items()},
        **split_metrics(levels[0], class_names, ordered),
        **{name: split_metrics(one, class_names, ordered) for name, one in zip(names[1:], levels[1:], strict=True)},
    }


def show(metrics: dict[str, dict[str, float]], title: str, frame: pd.DataFrame, class_names: Sequence[str]) -> None:
    """Prints metrics, a row each, a column a split, and what is to be known before they are read.

    Args:
        metrics: of each split; those of two classes are shown under their names, not also by side.
        title: of the table.
        frame: the predictions that they are of.
        class_names: C names.
    """
    table = Table("", *metrics, title=title)
    if len(class_names) == 2:
        table.caption = f"positive: {class_names[1]}"
    for name in next(iter(metrics.values())):
        if name.startswith(("neg_", "pos_")) or name in {"loss_neg", "loss_pos"}:
            continue
        table.add_row(name, *(f"{values[name]:.4f}" for values in metrics.values()))
    console().print(table)
    for remark in remarks(frame, class_names):
        note(f"note: {remark}")
