"""Options and sections that are wrong: one line of what, where, and what is like it."""

from pathlib import Path

import pytest

from clsunbias.__main__ import main
from tests.test_cli import SHORT_TOY, fit
from tests.test_errors import TOY, fails


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--model.network.in_feature 3", "model.network: there is no option in_feature; like it is in_features"),
        ("--model.optimizer.lrr 3", "model.optimizer: there is no option lrr; like it is lr"),
        ("--anneal.lam.edn 3", "anneal.lam: there is no option edn; like it is end"),
        ("--anneal.lamm 3", "there is no option --anneal.lamm; like it is anneal.lam"),
        ("--model.objective GroupDOR", "model.objective: there is no class GroupDOR; like it is GroupDRO"),
        ("--model.optimizer torch.optim.Adamm", "model.optimizer: there is no class Adamm; like it is Adam"),
        ("--selection torch.nn.Linear", "selection: torch.nn.Linear is no SelectionRule"),
        ("--trainer.max_epochs abc", "trainer.max_epochs takes a whole number or null, got abc"),
        ("--model.optimizer.init_args.lr fast", "model.optimizer: lr takes a number, got fast"),
        ("--withhold_test maybe", "withhold_test takes true or false, got maybe"),
        ("--model.objective.lam -1", "lam must be a finite number of at least 0, got -1.0"),
    ],
)
def test_a_message_is_one_line(options: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is wrong, where, and what is like it; not all that the parser has tried."""
    assert main(["fit", *TOY, *options.split()]) == 2
    message = capfd.readouterr().err
    assert message.startswith(f"clsunbias: error: {said}")
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("trainer: 1", "trainer must be a section"),
        ("trainer: null", "trainer must be a section"),
        ("anneal: 0.5", "anneal must be a section; to anneal nothing, set anneal.lam and anneal.tau to null"),
        ("anneal: []", "anneal must be a section"),
        ("selection: null", "selection must be a rule"),
        ("model: []", "not given: model.network, model.objective"),
        ("model: {optimizer: null}", "model.optimizer must be an optimiser"),
        ("data: null", "not given: data"),
        ("seed_everything: null", "seed_everything must be a number from 0 to 4294967295"),
        ("seed_everything: 99999999999", "got 99999999999"),
        ("freeze: null", "freeze must be parts of the network; for none, []"),
        ("withhold_test: null", "withhold_test must be true or false"),
        ("save_every: .nan", "save_every must be seconds, at least 0; got nan"),
        ("model: {objectiv: clsunbias.objectives.ERM}", "no option model.objectiv; like it is model.objective"),
        ("trainer: {max_epoch: 3}", "mine.yaml: there is no option trainer.max_epoch; like it is trainer.max_epochs"),
        ("model: {optimizer: {class_path: torch.optim.Adam, init_args: {lr: .nan}}}", "learning rate: nan"),
    ],
)
def test_sections_of_a_config_that_are_none(
    section: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What YAML lets one write in place of a section, and what the parser lets through."""
    (tmp_path / "mine.yaml").write_text(section)
    fails(["fit", *TOY, "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "run")], capfd, said)
    assert not (tmp_path / "run").exists()


def test_a_command_without_a_config(capfd: pytest.CaptureFixture[str]) -> None:
    """It is said which there are."""
    for command in ("fit", "validate", "test", "predict"):
        fails([command], capfd, "give --config FILE", "retina, retina_balanced", "clsunbias configs")
    fails(["test", "--ckpt_path", "some.ckpt"], capfd, "give --config FILE")


def test_no_dashboard_is_asked_for_by_null(tmp_path: Path) -> None:
    """``wandb: null`` means false."""
    (tmp_path / "mine.yaml").write_text("wandb: null")
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY, "--config", str(tmp_path / "mine.yaml")) == 0


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("fit", ["--threshold", "0.3"], "--threshold is for predict, fit has no use for it"),
        ("fit", ["--input=new.csv"], "--input is for predict"),
        ("validate", ["--rule", "youden"], "--rule is for predict, validate has no use for it"),
        ("test", ["--resize", "true"], "--resize is for predict"),
        ("test", ["--out", "elsewhere"], "--out is for fit and predict, test has no use for it"),
        ("test", ["--withhold_test", "true"], "--withhold_test is for fit"),
        ("validate", ["--freeze", "head"], "--freeze is for fit"),
        ("predict", ["--wandb.project", "mine"], "--wandb is for fit"),
        ("predict", ["--save_every=3"], "--save_every is for fit"),
        ("predict", ["--init_from", "runs/a"], "--init_from is for fit"),
    ],
)
def test_options_of_another_command(
    command: str, options: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """They are refused, not passed over."""
    fails([command, *TOY, *options], capfd, said)


@pytest.mark.parametrize("option", ["input: new.csv", "resize: true", "threshold: 0.3", "rule: youden"])
def test_options_of_predict_in_a_config(option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No run is made with them."""
    (tmp_path / "mine.yaml").write_text(option)
    said = f"--{option.partition(':')[0]} is for predict, fit has no use for it"
    fails(["fit", *TOY, "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "run")], capfd, said)
