"""The model card that a run leaves says what its records and its config say, whatever its classes are called."""

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from clsunbias.__main__ import main
from clsunbias.experiments.report.card_metrics import confusion, intervals, reliability
from clsunbias.experiments.report.model_card import Making, model_card
from tests.test_cli import SHORT_TOY, fit

NAMES = ("healthy", "ill", "very ill")
CONFIG: Mapping[str, Any] = {
    "model": {"network": {"class_path": "my.Net"}, "objective": {"class_path": "my.Loss"}, "optimizer": "Adam"},
    "data": {"class_path": "my.Data", "init_args": {"path": "/home/jane/table.csv", "sampler": None}},
}


def making(**changes: Any) -> Making:
    """How a made-up run was made."""
    about: dict[str, Any] = {"folder": Path("runs/made"), "config": CONFIG, "licence": "", "rows": {"test": [1, 1, 2]}}
    about |= {"parameters": 5, "trained": 3, "steps": 7, "validations": 2}
    return Making(**{**about, "finished": datetime(2026, 1, 2, 3, 4, tzinfo=UTC), **changes})


def made_up(names: tuple[str, ...], **changes: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    """A result and its predictions: five units of validation and four of test."""
    classes = len(names)
    label = np.array([0, 1, 0, 1, 1, 0, 1, classes - 1, 0])
    decided = np.array([0, 1, 1, 0, 1, *label[5:]])
    prob = np.eye(classes)[decided] * 0.7 + 0.3 / classes
    frame = pd.DataFrame(prob, columns=[f"prob_{index}" for index in range(classes)])
    frame.insert(0, "split", ["val"] * 5 + ["test"] * 4)
    frame.insert(1, "label", label)
    figures = {"auroc": 0.5, "auprc": 0.5, "brier": 0.1, "ece": 0.2}
    result = {"objective": "erm", "dataset": "made", "simulated": False, "seed": 1, "config_sha256": "c", "step": 5}
    result |= {"selection": "Best()", "tied_validations": 1, "versions": {"python": "3"}, "unit": "patient"}
    result |= {"class_names": list(names), "positive": names[1] if classes == 2 else None}
    return {**result, "val": figures, "test": figures, **changes}, frame


def rendered(card: str) -> str:
    """The card as HTML, with tables."""
    return str(MarkdownIt("commonmark").enable("table").render(card))


def test_a_runs_card(tmp_path: Path) -> None:
    """Simulated data are called so; metrics and counts are those of result and predictions."""
    assert fit("toy_imbalanced", tmp_path / "run", *SHORT_TOY) == 0
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text()
    result = pd.read_json(tmp_path / "run" / "result.json", typ="series")
    assert card.count("SIMULATED") == 2
    assert "Not for clinical use" in card.partition("##")[0]
    assert "| train | units | 1000 | 900 | 100 |" in card
    for split in ("val", "test_1", "test_2"):
        part = card.partition(f"### {split},")[2]
        cells = re.findall(r"([\d.]+) \(([\d.]+) to ([\d.]+)\)", re.findall(r"\| positive \|.*", part)[0])
        sensitivity, specificity, precision, _, f1, loss = [tuple(map(float, cell)) for cell in cells]
        for (value, low, high), name in (
            (sensitivity, "pos_recall"),
            (specificity, "neg_recall"),
            (precision, "pos_precision"),
            (f1, "pos_f1"),
            (loss, "loss_pos"),
        ):
            assert value == pytest.approx(result[split][name], abs=5e-4), name
            assert low < value < high
        assert f"| ECE, 15 bins | {result[split]['ece']:.3f} |" in part
        assert f"| AUROC of positive | {result[split]['auroc']:.3f} |" in part
    for said in (
        result["config_sha256"],
        "LastStep()",
        "torch.nn.Linear(",
        "3 parameters, 3 of them trained",
        "clsunbias.objectives.ClsUnbias(lam=",
        "lam by `clsunbias.schedules.Linear(start=",
        "torch.optim.",
        f"the checkpoint of step {result['step']} among",
        "none needed: made up",
        "(UTC)",
    ):
        assert said in card, said
    assert "The checkpoint was selected on this split" in card


def test_the_commands_make_the_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pasted as they stand, from a folder whose name a shell would take apart."""
    monkeypatch.chdir(tmp_path)
    out = Path("it's $HOME ` here")
    assert fit("toy_balanced", out, *SHORT_TOY) == 0
    card = (out / "MODEL_CARD.md").read_text()
    (block,) = re.findall(r"^(`{3,})bash\n(.*?)\n\1$", card, re.MULTILINE | re.DOTALL)
    first, second = map(shlex.split, block[1].splitlines())
    assert (first[0], second[0]) == ("clsunbias", "clsunbias")
    assert main(first[1:]) == main(second[1:]) == 0
    again = Path(first[-1])
    assert (again / "predictions.csv").read_bytes() == (out / "predictions.csv").read_bytes()
    assert str(tmp_path) not in card, "no path on this machine"
    assert "positive: positive" in capfd.readouterr().out


def test_a_card_without_test_metrics(tmp_path: Path) -> None:
    """Of a run whose tests were withheld it has validation's, and says so."""
    assert fit("toy_balanced", tmp_path / "run", "--withhold_test", "true", *SHORT_TOY) == 0
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text()
    assert "withheld" in card
    assert "### val, 248 units" in card
    assert "### test_1" not in card


def test_a_card_of_three_classes_of_real_data() -> None:
    """Each class has a line; nothing is simulated, no threshold is claimed, and no class is the positive one."""
    card = model_card(*made_up(NAMES), making())
    assert "SIMULATED" not in card
    assert "above a probability" not in card
    assert "positive one" not in card
    assert "Licence: not stated" in card
    assert "AUROC, mean over classes" in card
    test = card.partition("### test")[2]
    assert "| very ill | 0 | 0 | 1 |" in test
    assert "| very ill | 1 | 1.000 (1.000 to 1.000) | 1.000 (1.000 to 1.000) |" in test


def test_what_is_to_be_known_first() -> None:
    """Classes that are never predicted, a small validation split, a tie: each is said, and how many."""
    result, frame = made_up(NAMES[:2], tied_validations=2)
    few = "Validation has 2 of healthy, 3 of ill (fewer than 20)"
    tie = "2 of 2 validations had the selected score"
    card = model_card(result, frame, making())
    assert few in card
    assert tie in card
    assert "never predicts" not in card
    frame = frame.assign(prob_0=0.9, prob_1=0.1)
    card = model_card({**result, "tied_validations": 1}, frame, making())
    assert "the model never predicts 'ill'" in card
    assert tie not in card
    assert "| ill | 2 | 0.000 (0.000 to 0.000) | 1.000 (1.000 to 1.000) | – | 0.500 (" in card, "no PPV of none"
    many = pd.concat([frame[frame["split"] == "val"]] * 20 + [frame[frame["split"] == "test"]])
    assert few[:14] not in model_card(result, many, making())


@pytest.mark.parametrize(
    "name",
    ["a|b", "<script>alert(1)</script>", "[x](y)", "two\nlines", "tick`s``", "*a* _b_ **c**", "\\|", "&lt;", "$x$"],
)
def test_names_are_shown_as_they_are(name: str) -> None:
    """Of classes, data sets, splits and units: in tables, lists and headings, as text and nothing else."""
    plain = " ".join(name.split())
    result, frame = made_up(("healthy", name), dataset=name, unit=name)
    card = model_card(result, frame, making(licence=name, rows={"test": [3, 2]}, folder=Path("runs") / name))
    html = rendered(card)
    shown = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for found in (f"<td>{shown}</td>", f">as {shown}</th>", f"erm on {shown}</h1>", f"Licence: {shown}</li>"):
        assert found in html.replace(' style="text-align:left"', "").replace(' style="text-align:right"', ""), found
    assert "<script" not in html
    assert "<em>" not in html
    assert "href" not in html
    rows = [line.count("<td") for line in html.replace("</tr>", "</tr>\n\n").split("\n\n") if "<td" in line]
    assert set(rows) <= {2, 3, 4, 5, 8}, "no cell too many"


def test_a_card_holds_no_paths_of_the_config() -> None:
    """Nor of a part's arguments."""
    network = {"class_path": "my.Net", "init_args": {"weights": "/home/jane/weights.pt", "size": 3}}
    config = {**CONFIG, "model": {**CONFIG["model"], "network": network}}
    card = model_card(*made_up(NAMES), making(config=config))
    assert "jane" not in card
    assert "my.Net(weights=(on this machine), size=3)" in card


def test_rows_and_patients_are_counted_apart() -> None:
    """Where a unit has several rows; a split that was not scored has rows alone."""
    card = model_card(*made_up(NAMES[:2]), making(rows={"train": [5, 6], "val": [2, 3], "test": [9, 2]}))
    assert "| train | rows | 11 | 5 | 6 |" in card
    assert "| val | patients | 5 | 2 | 3 |" in card
    assert "| val | rows |" not in card
    assert "| test | patients | 4 | 2 | 2 |\n| test | rows | 11 | 9 | 2 |" in card


def test_intervals_have_the_width_of_theory() -> None:
    """Recall is a proportion: its interval is ±1.96·√(p(1 − p)/n) of the class's n units."""
    target = np.repeat([0, 1], [400, 100])
    wrong = np.concatenate([np.arange(400) < 80, np.arange(100) < 20])
    prob = np.where((target == 1) ^ wrong, 0.9, 0.1)
    found = intervals(np.stack([1 - prob, prob], 1), target, NAMES[:2])
    for name, count in zip(NAMES, (400, 100), strict=False):
        value, low, high = map(float, re.findall(r"[\d.]+", found[f"recall/{name}"]))
        assert value == pytest.approx(0.8)
        assert (high - low) / 2 == pytest.approx(1.96 * (0.16 / count) ** 0.5, rel=0.15)
    # Of the ill 80 are found, of the healthy 80 are taken for ill: 80 of 160, and 320 of 340.
    for name, value in (("specificity/ill", 0.8), ("precision/ill", 0.5), ("npv/ill", 320 / 340)):
        assert float(found[name].split()[0]) == pytest.approx(value, abs=5e-4)
    assert confusion(np.stack([1 - prob, prob], 1), target, NAMES[:2]) == [
        ["healthy", "320", "80"],
        ["ill", "20", "80"],
    ]


def test_reliability_counts_every_unit_once() -> None:
    """Probabilities of exactly a half and of one, too; an empty bin has dashes."""
    prob = np.array([[0.5, 0.5], [1.0, 0.0], [0.35, 0.65]])
    lines = reliability(prob, np.array([0, 0, 0]))
    assert [line[1] for line in lines] == ["1", "1", "0", "0", "1"]
    assert lines[1][2:] == ["0.650", "0.000"]
    assert lines[2][2:] == ["–", "–"]
