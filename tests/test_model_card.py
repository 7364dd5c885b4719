"""The model card that a run leaves says what its records say."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clsunbias.experiments.report.model_card import intervals, model_card, reliability
from tests.test_cli import SHORT_TOY, fit

NAMES = ("healthy", "ill", "very ill")


def test_a_runs_card(tmp_path: Path) -> None:
    """Simulated data are called so; figures and counts are those of result and predictions."""
    assert fit("toy_imbalanced", tmp_path / "run", *SHORT_TOY) == 0
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text()
    result = pd.read_json(tmp_path / "run" / "result.json", typ="series")
    assert card.count("SIMULATED") == 2
    assert "Not for clinical use" in card
    assert "| train | 1000 | 900 | 100 |" in card
    for split in ("test_1", "test_2"):
        part = card.partition(f"### {split},")[2]
        found = re.search(r"\| positive \| ([\d.]+) \(([\d.]+) to ([\d.]+)\)", part)
        assert found
        value, low, high = map(float, found.groups())
        assert value == pytest.approx(result[split]["pos_f1"], abs=5e-4)
        assert low < value < high
        assert f"| ECE, 15 bins | {result[split]['ece']:.3f} |" in part
    assert result["config_sha256"] in card
    assert "LastStep()" in card


def test_a_card_without_test_figures(tmp_path: Path) -> None:
    """Of a run whose tests were withheld it has validation's, and says so."""
    assert fit("toy_balanced", tmp_path / "run", "--withhold_test", "true", *SHORT_TOY) == 0
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text()
    assert "withheld" in card
    assert "### val, 248 units" in card
    assert "test_1" not in card


def test_a_card_of_three_classes_of_real_data() -> None:
    """Each class has a line; nothing is simulated, and no threshold is claimed."""
    prob = np.eye(3)[[0, 1, 2, 0, 1]] * 0.7 + 0.1
    frame = pd.DataFrame(prob, columns=["prob_0", "prob_1", "prob_2"])
    frame.insert(0, "split", ["val", "test", "test", "test", "test"])
    frame.insert(1, "label", [0, 1, 2, 0, 2])
    result = {"objective": "erm", "dataset": "made", "simulated": False, "seed": 1, "config_sha256": "c", "step": 5}
    result |= {"selection": "Best()", "versions": {"python": "3"}, "test": dict.fromkeys(("auroc", "auprc"), 0.5)}
    result["test"] |= {"brier": 0.1, "ece": 0.2}  # type: ignore[operator]
    card = model_card(result, frame, NAMES)
    assert "SIMULATED" not in card
    assert "0.5;" not in card
    assert [line.split(" | ")[0] for line in card.splitlines() if "very ill |" in line and " to " in line]
    assert card.count("| very ill | 0.667 (0.000 to 1.000) |") == 1


def test_intervals_have_the_width_of_theory() -> None:
    """Recall is a proportion: its interval is ±1.96·√(p(1 − p)/n) of the class's n units."""
    target = np.repeat([0, 1], [400, 100])
    wrong = np.concatenate([np.arange(400) < 80, np.arange(100) < 20])
    prob = np.where((target == 1) ^ wrong, 0.9, 0.1)
    found = intervals(np.stack([1 - prob, prob], 1), target, NAMES[:2])
    for name, count in zip(NAMES, (400, 100), strict=False):
        value, low, high = found[f"recall/{name}"]
        assert value == pytest.approx(0.8)
        assert (high - low) / 2 == pytest.approx(1.96 * (0.16 / count) ** 0.5, rel=0.15)


def test_reliability_counts_every_unit_once() -> None:
    """Probabilities of exactly a half and of one, too; an empty bin has dashes."""
    prob = np.array([[0.5, 0.5], [1.0, 0.0], [0.35, 0.65]])
    lines = reliability(prob, np.array([0, 0, 0]))
    assert [line[1] for line in lines] == ["1", "1", "0", "0", "1"]
    assert lines[1][2:] == ["0.650", "0.000"]
    assert lines[2][2:] == ["–", "–"]
