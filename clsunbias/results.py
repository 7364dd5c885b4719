"""What a finished run leaves: predictions.csv and result.json."""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from clsunbias.data.units import Units
from clsunbias.errors import InputError
from clsunbias.files import is_of_other_data
from clsunbias.metrics import classification_metrics
from clsunbias.module import Classifier

PACKAGES = ("clsunbias", "torch", "lightning", "torchmetrics", "numpy", "medmnist", "librosa")


def finished(out: Path, sha256: str, sources: Mapping[str, Path | None]) -> bool:
    """Whether a folder holds the finished run of a config.

    Args:
        out: the folder.
        sha256: of the config.
        sources: files that the run was made from, by the name that its result has their hash under; the run still
            stands when one is gone.

    Raises:
        InputError: it holds the finished run of another config or of other files, or a result that cannot be read.
    """
    path = out / "result.json"
    if not path.exists():
        return False
    try:
        result = json.loads(path.read_text())
        found = result["config_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no result of this suite ({error}); give another --out") from error
    if found != sha256:
        raise InputError(
            f"{out} already holds a finished run of another config ({found[:12]}…, this one is {sha256[:12]}…); "
            "give another --out, or delete that folder"
        )
    for name, source in sources.items():
        if is_of_other_data(result, source, name):
            raise InputError(
                f"{out} holds this run on other data: {source} has changed; give another --out, or delete it"
            )
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


def predictions(scored: Mapping[str, UnitScores]) -> pd.DataFrame:
    """Split, unit, label and class probabilities of every scored unit."""
    frames = []
    for split, (units, prob, _) in scored.items():
        columns = {"split": split, "unit": units.names or range(len(prob)), "label": units.target.numpy()}
        columns |= {f"prob_{index}": prob[:, index].numpy() for index in range(prob.shape[1])}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames)


def decisions(prob: Tensor, class_names: Sequence[str], threshold: float | None) -> pd.DataFrame:
    """Probabilities of new inputs and what they decide: the class's number, its name, and the threshold used.

    Args:
        prob: float ``(N, C)``.
        class_names: C names.
        threshold: the second of two classes is decided for above it; None is 0.5, the most probable class. With more
            classes there is none.

    Raises:
        InputError: a threshold outside [0, 1], or with more than two classes.
    """
    binary = len(class_names) == 2
    if threshold is not None and not (binary and 0 <= threshold <= 1):
        raise InputError(f"--threshold is for two classes and lies between 0 and 1, got {threshold}")
    frame = pd.DataFrame({f"prob_{index}": prob[:, index].numpy() for index in range(prob.shape[1])})
    above = 0.5 if threshold is None else threshold
    frame["decision"] = ((prob[:, 1] > above).long() if binary else prob.argmax(1)).numpy()
    frame["prediction"] = [class_names[index] for index in frame["decision"]]
    if binary:
        frame["threshold"] = above
    return frame


def split_metrics(scored: Mapping[str, UnitScores], class_names: Sequence[str]) -> dict[str, dict[str, float]]:
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
        )
        for split, several in parts.items()
    }


def units_and_metrics(levels: Sequence[Mapping[str, UnitScores]], class_names: Sequence[str]) -> dict[str, Any]:
    """What a result says of a run's scores: the unit of the headline, units and metrics of each split, other levels.

    Args:
        levels: scores of the headline's units, then of other levels.
        class_names: C names.
    """
    names = [next(iter(scored.values())).units.name for scored in levels]
    return {
        "unit": names[0],
        "units": {split: len(one.prob) for split, one in levels[0].items()},
        **split_metrics(levels[0], class_names),
        **{name: split_metrics(scored, class_names) for name, scored in zip(names[1:], levels[1:], strict=True)},
    }


def show(metrics: dict[str, dict[str, float]], title: str) -> None:
    """Prints metrics, a row each, a column a split."""
    table = Table("", *metrics, title=title)
    for name in next(iter(metrics.values())):
        table.add_row(name, *(f"{values[name]:.4f}" for values in metrics.values()))
    Console().print(table)
