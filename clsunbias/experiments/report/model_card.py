"""A model card: what a finished run is for, how it was made, how well it does, and how far that is known."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from clsunbias.experiments.report.card_metrics import DRAWS, section
from clsunbias.experiments.report.markdown import code, code_block, escaped
from clsunbias.experiments.report.sections import markdown_table
from clsunbias.leak_words import in_words
from clsunbias.privacy import without_places
from clsunbias.remarks import FEW, remarks

CARD = """\
# Model card: {objective} on {dataset}{simulated}

**Not for clinical use.** This model is the outcome of one training run of a research suite. It is no medical device,
was validated on no other site, and must not take part in decisions about patients.{simulated_line}
{warnings}
## Intended use

Research into class-unbiased training: comparison of training objectives on the same data. `clsunbias predict` and
`clsunbias export` score new inputs for that purpose.

## Data

{source}

{counts}
## How it was made

{how}

## Metrics
{measured}
Sensitivity, specificity, PPV and NPV are of each class against the rest; PPV and NPV hold for the shares that the
classes have in the split. A dash is what nothing can be said of, such as the PPV of a class that was never predicted.
Intervals: 95 % percentiles of {draws} bootstrap resamples of the units of the split. They say how far this very model
is known, not how far another seed would come out differently: for that, compare runs with `clsunbias reproduce`.

## Limits

- One run, one seed, one data set; no site, device or population but its own was seen.
- Small classes have wide intervals; where one was hardly met, its metrics may be of a few units.
- The probabilities are not calibrated after training; see the tables above before one is read as a risk.
- Groups within the classes (age, sex, site) were not looked at.

## Make it again

In the folder that this run was started in; the second command scores the checkpoint that the first one selects.

{commands}
## Versions

{versions}
"""


@dataclass(frozen=True)
class Making:
    """How a run was made, as far as its result does not say so.

    Attributes:
        folder: of the run, as it is typed in the folder that the run was started in.
        config: the saved one.
        licence: of the data; nothing if the data set does not say.
        rows: split → rows of each class, as they were trained on and scored.
        parameters: of the network.
        trained: those of them that training moved.
        steps: of the optimiser, to the end of training.
        validations: that the selection rule saw.
        finished: when the run was done, in UTC.
    """

    folder: Path
    config: Mapping[str, Any]
    licence: str
    rows: Mapping[str, Sequence[int]]
    parameters: int
    trained: int
    steps: int
    validations: int
    finished: datetime


def model_card(result: Mapping[str, Any], frame: pd.DataFrame, making: Making) -> str:
    """The card, in Markdown, of a run with a result and predictions; of validation alone if its tests were withheld."""
    simulated, names = bool(result["simulated"]), result["class_names"]
    splits = {str(name): part for name, part in frame.groupby("split", sort=False)}
    shown = {name: part for name, part in splits.items() if name != "train"}
    withheld = "\n**The test split was withheld from this run; these metrics are of validation.**\n"
    measured = "".join(section(name, part, result[name], names, result["unit"]) for name, part in shown.items())
    said = warnings(result, frame, making)
    return CARD.format(
        objective=escaped(result["objective"]),
        dataset=escaped(result["dataset"]),
        simulated=", SIMULATED data" if simulated else "",
        simulated_line="\n\n**The data are SIMULATED**: the metrics say nothing about patients." if simulated else "",
        warnings=f"\n## Read this first\n\n{listing(said)}\n" if said else "",
        source=listing(data_lines(result, making)),
        counts=markdown_table(["split", "", "all", *map(escaped, names)], counts(result, splits, making)),
        how=listing(how_lines(result, making)),
        measured=(withheld if list(shown) == ["val"] else "") + measured,
        draws=DRAWS,
        commands=code_block(commands(making.folder), "bash"),
        versions=escaped(", ".join(f"{name} {version}" for name, version in result["versions"].items())),
    )


def listing(lines: Sequence[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def warnings(result: Mapping[str, Any], frame: pd.DataFrame, making: Making) -> list[str]:
    """What is to be known before a metric is read."""
    names, leaks = result["class_names"], result.get("leaks")
    said = [escaped(f"{remark[0].upper()}{remark[1:]}.") for remark in remarks(frame, names)]
    if made := result.get("synthetic_training_rows"):
        said.append(
            f"{made} of {sum(making.rows['train'])} training rows are SYNTHETIC: made up, not measured. Training "
            "metrics count them."
        )
    if leaks and any(leaks["found"].values()):
        said.append(escaped(f"{in_words(leaks)}."))
    label = frame["label"][frame["split"] == "val"]
    few = [f"{count} of {escaped(name)}" for at, name in enumerate(names) if (count := int((label == at).sum())) < FEW]
    if few:
        said.append(
            f"Validation has {', '.join(few)} (fewer than {FEW}): which checkpoint was selected is largely chance."
        )
    if (tied := result["tied_validations"]) > 1:
        said.append(
            f"{tied} of {making.validations} validations had the selected score; the one with the lowest validation "
            "loss was taken."
        )
    return said


def data_lines(result: Mapping[str, Any], making: Making) -> list[str]:
    """Where the data are from, what may be done with them, and what the classes are."""
    source, positive = result.get("source_sha256"), result["positive"]
    return [
        f"Source: {escaped(result['dataset'])}, read by {code(making.config['data']['class_path'])}"
        + (f"; its file has the sha256 `{source}`" if source else ""),
        f"Licence: {escaped(making.licence) or 'not stated; ask for it before anything made from the data is shared'}",
        f"Classes: {', '.join(map(escaped, result['class_names']))}"
        + (f"; {escaped(positive)} is the positive one" if positive else ""),
        f"What is scored and counted: each {'row' if result['unit'] == 'unit' else escaped(result['unit'])}",
        *([escaped(in_words(leaks))] if (leaks := result.get("leaks")) else []),
    ]


def counts(result: Mapping[str, Any], splits: Mapping[str, pd.DataFrame], making: Making) -> list[list[str]]:
    """A line for the units of each split that was scored, and one for its rows where those are more."""
    lines = []
    for split, rows in making.rows.items():
        label = splits[split]["label"] if split in splits else pd.Series(dtype=int)
        units = [int((label == at).sum()) for at in range(len(rows))]
        kinds = {result["unit"]: units} if split in splits else {}
        kinds |= {} if list(rows) == units else {"row": list(rows)}
        lines += [
            [escaped(split), escaped(f"{kind}s"), str(sum(each)), *map(str, each)] for kind, each in kinds.items()
        ]
    return lines


def how_lines(result: Mapping[str, Any], making: Making) -> list[str]:
    """Network, objective, optimiser, data's order, selection and the rest, with their numbers."""
    config = without_places(dict(making.config))
    model, data, names = config["model"], config["data"].get("init_args", {}), result["class_names"]
    anneal = [f"{name} by {code(call(value))}" for name, value in config.get("anneal", {}).items() if value]
    frozen, started = config.get("freeze") or [], result.get("init_sha256")
    frozen = [frozen] if isinstance(frozen, str) else frozen
    schedule = model.get("lr_schedule")
    sampler, resampler = (code(call(data[name])) if data.get(name) else "" for name in ("sampler", "resample"))
    above = f", {escaped(names[1])} above a probability of 0.5" if len(names) == 2 else ""
    return [
        f"Network: {code(call(model['network']))}, {making.parameters} parameters, {making.trained} of them trained",
        *([f"It started from the weights of another run (sha256 `{started}`)"] if started else []),
        f"Frozen: {', '.join(map(code, frozen)) or 'nothing'}",
        f"Objective: {code(call(model['objective']))}",
        f"Annealed over training: {', '.join(anneal) or 'nothing'}",
        f"Optimiser: {code(call(model['optimizer']))}",
        f"Learning rate over training: {f'by {code(call(schedule))}' if schedule else 'constant'}",
        f"Length: {making.steps} steps of the optimiser, batches of "
        f"{data.get('batch_size') or 'all rows, or what the sampler draws'}",
        f"Order of rows: {sampler or 'of the data set itself'}; resampled: {resampler or 'no'}",
        f"Selection rule: {code(result['selection'])} chose the checkpoint of step {result['step']} among "
        f"{making.validations} validations, of which {result['tied_validations']} had its score. A rule sees training "
        "and validation data alone.",
        f"Decision: the most probable class{above}",
        f"Seed {result['seed']}; the whole config is `config.yaml` (sha256 `{result['config_sha256']}`)",
        f"Done on {making.finished:%Y-%m-%d} (UTC)",
    ]


def call(value: Any) -> str:
    """A part of a config: the class that it names, with its arguments."""
    if not isinstance(value, Mapping) or "class_path" not in value:
        return str(value)
    given = value.get("init_args") or {}
    return (
        f"{value['class_path']}({', '.join(f'{name}={call(one)}' for name, one in given.items() if one is not None)})"
    )


def commands(folder: Path) -> list[str]:
    """The commands that make the run again beside itself, and score it."""
    again = folder.with_name(f"{folder.name}-again")
    config, out, saved = (shlex.quote(str(path)) for path in (folder / "config.yaml", again, again / "config.yaml"))
    return [f"clsunbias fit --config {config} --out {out}", f"clsunbias test --config {saved}"]
