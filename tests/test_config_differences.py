"""What a folder's config and a run's have in which they differ, and the name of a folder for it."""

from pathlib import Path
from typing import Any

import pytest

from clsunbias.__main__ import main
from clsunbias.config_differences import another_folder, differences, in_words
from clsunbias.experiments.running.config import merge
from tests.test_cli import CONFIGS, SHORT_TOY, fit

CONFIG: dict[str, Any] = {
    "seed_everything": 0,
    "trainer": {"max_epochs": 2, "enable_progress_bar": True},
    "model": {"objective": {"class_path": "a.ERM", "init_args": {"sample_loss": None}}, "lr_schedule": None},
    "data": {"class_path": "b.Tabular", "init_args": {"root": "here", "path": "t.csv"}},
}


@pytest.mark.parametrize(
    ("change", "said", "folder"),
    [
        ({"seed_everything": 1}, "seed_everything is 0 there and 1 here", "erm-seed_everything=1"),
        ({"data": {"init_args": {"path": "u/v.csv"}}}, "data.path is t.csv there and u/v.csv here", "erm-path=u_v.csv"),
        (
            {"model": {"objective": {"class_path": "a.DRO", "init_args": {"tau": 1}}}},
            "model.objective is a.ERM there and a.DRO here",
            "erm-objective=DRO",
        ),
        (
            {"model": {"lr_schedule": {"class_path": "c.Cosine"}}},
            "model.lr_schedule is null there and c.Cosine here",
            "erm-lr_schedule=Cosine",
        ),
        ({"freeze": ["head"]}, "freeze is null there and ['head'] here", "erm-freeze=_head_"),
    ],
)
def test_a_difference_in_words(change: dict[str, Any], said: str, folder: str) -> None:
    """Which parameter, there and here; the folder's name carries it."""
    found = differences(CONFIG, merge(CONFIG, change))
    assert in_words(found) == said
    assert another_folder(Path("runs/toy/erm/0"), found, default=True) == Path("runs/toy") / folder / "0"
    assert another_folder(Path("mine/erm"), found, default=False) == Path("mine") / folder


def test_what_changes_no_result_is_no_difference() -> None:
    """Where data lie, and what is displayed."""
    other = {"trainer": {"enable_progress_bar": False}, "data": {"init_args": {"root": "there"}}, "init_from": "x"}
    assert differences(CONFIG, merge(CONFIG, other)) == []
    assert in_words(differences(CONFIG, merge(CONFIG, {name: 1 for name in "abcde"}))).endswith(" and 2 more")


def test_a_second_setting_in_fits_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The refusal gives an --out that works; the seed has its own folder."""
    monkeypatch.chdir(tmp_path)
    plain = ["fit", "--config", str(CONFIGS / "toy_balanced.yaml"), *SHORT_TOY]
    other = [*plain, "--model.optimizer.lr", "0.02"]
    assert main(plain) == 0
    assert main([*plain, "--seed_everything", "1"]) == 0
    capfd.readouterr()
    assert main(other) == 2
    own = "runs/toy_balanced/cls_unbias-lr=0.02/42"
    assert (
        f"model.optimizer.lr is 0.01 there and 0.02 here; give another --out, such as {own}" in capfd.readouterr().err
    )
    assert main([*other, "--out", own]) == 0


def test_weights_at_the_start_are_a_difference(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a run that had none, and of one that had others."""
    first, second = tmp_path / "first", tmp_path / "second"
    assert fit("toy_balanced", first, *SHORT_TOY) == 0
    assert fit("toy_balanced", second, *SHORT_TOY, "--init_from", str(first)) == 0
    capfd.readouterr()
    assert fit("toy_balanced", second, *SHORT_TOY) == 2
    assert "init_from is another's weights there and null here" in capfd.readouterr().err
    assert fit("toy_balanced", first, *SHORT_TOY, "--init_from", str(second)) == 2
    assert "init_from is null there and" in capfd.readouterr().err
    assert fit("toy_balanced", second, *SHORT_TOY, "--init_from", str(second)) == 2
    assert "from other weights than those in" in capfd.readouterr().err
