"""What is said of predictions before their metrics are read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from clsunbias.remarks import remarks
from tests.test_cli import SHORT_TOY, fit

NAMES = ("benign", "malignant")


def predictions(*positive: float, split: str = "test") -> pd.DataFrame:
    """Predictions of two classes, by the probability of the second."""
    prob = np.array(positive)
    return pd.DataFrame({"split": split, "unit": range(len(prob)), "prob_0": 1 - prob, "prob_1": prob})


def test_a_model_that_separates_gets_no_remark() -> None:
    """Nor does one of few units whose probabilities are apart."""
    assert remarks(predictions(0.1, 0.9, 0.4, 0.7), NAMES) == []


def test_a_class_that_is_never_predicted() -> None:
    """With two classes every unit is of the other; with three, the others may both occur."""
    (said,) = remarks(predictions(0.1, 0.3, 0.49), NAMES)
    assert said == "every test unit is predicted 'benign': the model never predicts 'malignant'"
    three = pd.DataFrame({"split": "test", "prob_0": [0.8, 0.1], "prob_1": [0.1, 0.8], "prob_2": [0.1, 0.1]})
    assert remarks(three, ("a", "b", "c")) == ["the model never predicts 'c' on the test units"]


def test_a_class_that_is_predicted_for_others_alone() -> None:
    """One of which every unit is missed is named, and how many units that are; not one of which some are found."""
    missed = predictions(0.1, 0.2, 0.7, 0.8).assign(label=[1, 1, 0, 1])
    said = "none of the 1 test units of 'benign' is recognised: it is predicted for others alone"
    assert remarks(missed, NAMES) == [said]
    assert remarks(missed.assign(label=[0, 1, 0, 1]), NAMES) == []


def test_probabilities_that_hardly_differ() -> None:
    """The band is said in hundredths that hold all of it."""
    said = remarks(predictions(0.501, 0.555, 0.589), NAMES)
    assert said[0] == "every test unit is predicted 'malignant': the model never predicts 'benign'"
    assert said[1] == (
        "all test probabilities lie close together ('malignant' between 0.50 and 0.59): the model hardly separates "
        "the classes"
    )
    assert remarks(predictions(0.45, 0.46, 0.56), NAMES) == []
    even = pd.DataFrame({"split": "test", **{f"prob_{index}": [1 / 3, 1 / 3] for index in range(3)}})
    assert "'a' between 0.33 and 0.34, 'b' between" in remarks(even, ("a", "b", "c"))[1]


def test_probabilities_that_are_ties() -> None:
    """More than a tenth at exactly 0, or 1 with nothing left for the others: a small p is none, though 1 − p is 1."""
    (said,) = remarks(predictions(*[0.2] * 7, 0.0, 1.0, 1.0), NAMES)
    assert said == ("3 of 10 test units have log-odds of 'malignant' beyond what is kept: to AUROC these are ties")
    assert remarks(predictions(*[0.2] * 8, 0.7, 1.0), NAMES) == []
    assert remarks(predictions(1e-30, 1e-25, 0.9), NAMES) == []
    three = pd.DataFrame({"split": "test", "prob_0": [1.0, 0.1], "prob_1": [0.0, 0.8], "prob_2": [0.0, 0.1]})
    assert "1 of 2 test units have log-odds of 'c' beyond" in remarks(three, ("a", "b", "c"))[-1]


def test_the_splits_that_count() -> None:
    """All tests together; validation where no test was scored; training never."""
    train = predictions(0.5, 0.5, split="train")
    both = pd.concat([train, predictions(0.1, split="test1"), predictions(0.9, split="test2")])
    assert remarks(both, NAMES) == []
    withheld = pd.concat([train, predictions(0.1, 0.4, split="val")])
    assert remarks(withheld, NAMES) == [
        "every validation unit is predicted 'benign': the model never predicts 'malignant'"
    ]
    assert remarks(train, NAMES) == []


class Constant(torch.nn.Linear):
    """A network that gives every row nearly the same logit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * 1e-3 + 0.3


def test_a_run_says_what_its_predictions_are(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """At the end, below its metrics; one that separates the classes says nothing."""
    network = ("--model.network", "tests.test_remarks.Constant", "--model.network.in_features", "2")
    assert fit("toy_balanced", tmp_path / "a", *SHORT_TOY, *network, "--model.network.out_features", "1") == 0
    said = capfd.readouterr().err
    assert "note: every test unit is predicted" in said
    assert "hardly separates the classes" in said
    assert fit("toy_balanced", tmp_path / "b", *SHORT_TOY) == 0
    assert "note:" not in capfd.readouterr().err
