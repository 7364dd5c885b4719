"""The commands through their front door: what fit leaves, determinism, resuming, overlays, predict."""

import json
from pathlib import Path

import medmnist
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from clsunbias.__main__ import main
from tests.fakes import table_of, write_medmnist
from tests.images import write_cells, write_folders

CONFIGS = Path(__file__).parents[1] / "configs"
OBJECTIVES = sorted(path.stem for path in (CONFIGS / "objectives").glob("*.yaml"))
EXPERIMENTS = sorted({path.stem for path in CONFIGS.glob("*.yaml")} - {"wandb", "sweep"})
BINARY_METRICS = {"macro_f1", "pos_f1", "neg_f1", "accuracy", "balanced_accuracy", "auroc", "auprc", "brier", "ece"}
BINARY_METRICS |= {"loss", "loss_pos", "loss_neg", "loss_gap"}


def arguments(config: str, out: Path, *options: str, objective: str = "cls_unbias") -> list[str]:
    """Those of ``clsunbias`` for a quiet ``fit``."""
    files = ["--config", str(CONFIGS / f"{config}.yaml"), "--config", str(CONFIGS / "objectives" / f"{objective}.yaml")]
    return ["fit", *files, "--out", str(out), "--trainer.enable_progress_bar", "false", *options]


def fit(config: str, out: Path, *options: str, objective: str = "cls_unbias") -> int:
    """Runs ``clsunbias fit`` in this process; returns its exit status."""
    return main(arguments(config, out, *options, objective=objective))


SPEECH: dict[str, tuple[str, ...]] = {
    "daic_woz": ("--data.front_end", "clsunbias.speech.LogMel", "--model.network.features", "80"),  # needs no weights
    **dict.fromkeys(("modma", "adress", "voiced", "voiced_diagnoses"), ()),
}
"""Speech configs, and what lets them run here."""

SHORT = ("--trainer.max_epochs", "3")  # of the image configs
SHORT_TOY = ("--trainer.max_steps", "41", "--selection", "clsunbias.selection.LastStep")


@pytest.fixture(scope="session")
def retina_run(tmp_path_factory: pytest.TempPathFactory, medmnist_root: Path) -> Path:
    """A short finished run on (official or fake) RetinaMNIST."""
    out = tmp_path_factory.mktemp("retina") / "run"
    assert fit("retina", out, "--data.root", str(medmnist_root), *SHORT) == 0
    return out


def test_fit_leaves_the_files_of_the_contract(retina_run: Path) -> None:
    """Config, curves, checkpoint, predictions, and result.json with all its keys."""
    names = {
        "config.yaml",
        "metrics.csv",
        "checkpoints",
        "predictions.csv",
        "MODEL_CARD.md",
        "inputs.json",
        "result.json",
    }
    assert {path.name for path in retina_run.iterdir()} == names
    result = json.loads((retina_run / "result.json").read_text())
    keys = {"dataset", "objective", "seed", "selection", "step", "units", "val", "test", "versions", "config_sha256"}
    assert keys <= result.keys()
    assert (result["dataset"], result["objective"], result["seed"]) == ("retinamnist", "cls_unbias", 0)
    assert result["val"].keys() & result["test"].keys() >= BINARY_METRICS
    assert result["test"]["loss_gap"] == pytest.approx(abs(result["test"]["loss_pos"] - result["test"]["loss_neg"]))
    assert result["class_names"] == ["grade < 2", "grade ≥ 2"]
    assert result["positive"] == "grade ≥ 2"
    assert 1 <= result["tied_validations"] <= 3
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    assert result["versions"]["device"] == device
    predictions = pd.read_csv(retina_run / "predictions.csv")
    columns = ["split", "unit", "label", "class", "prob_0", "prob_1", "predicted", "positive_class"]
    assert list(predictions) == columns
    assert (predictions["class"] == predictions["label"].map(dict(enumerate(result["class_names"])))).all()
    assert ((predictions["predicted"] == "grade ≥ 2") == (predictions["prob_1"] > predictions["prob_0"])).all()
    assert predictions.groupby("split").size().to_dict() == result["units"]


def test_results_follow_from_the_predictions(retina_run: Path) -> None:
    """Accuracy recomputed from predictions.csv is the reported one."""
    predictions = pd.read_csv(retina_run / "predictions.csv")
    result = json.loads((retina_run / "result.json").read_text())
    for split, rows in predictions.groupby("split"):
        right = ((rows["prob_1"] > rows["prob_0"]).astype(int) == rows["label"]).mean()
        assert result[split]["accuracy"] == pytest.approx(right)


def test_curves_hold_class_losses_gap_and_annealed_numbers(retina_run: Path) -> None:
    """metrics.csv has a row a validation, λ rising and τ falling, and the selected row is the best one."""
    curves = pd.read_csv(retina_run / "metrics.csv").sort_values("step")
    assert len(curves) == 3
    for name in ("train/loss_pos", "train/loss_neg", "train/loss_gap", "val/loss_pos", "val/loss_gap", "lr"):
        assert curves[name].notna().all()
    assert curves["lam"].is_monotonic_increasing
    assert curves["tau"].is_monotonic_decreasing
    assert curves["tau"].iloc[-1] == pytest.approx(1.0)
    result = json.loads((retina_run / "result.json").read_text())
    best = curves.iloc[int(curves["val/macro_f1"].to_numpy().argmax())]
    assert result["step"] == best["step"]
    assert result["val"]["macro_f1"] == pytest.approx(best["val/macro_f1"], abs=1e-6)


def test_the_saved_config_repeats_the_run(retina_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """``fit`` and ``test`` take the saved config as it is; the same seed gives identical predictions."""
    again = tmp_path / "again"
    assert main(["fit", "--config", str(retina_run / "config.yaml"), "--out", str(again)]) == 0
    assert (again / "predictions.csv").read_bytes() == (retina_run / "predictions.csv").read_bytes()
    capfd.readouterr()
    assert main(["test", "--config", str(retina_run / "config.yaml")]) == 0
    assert main(["validate", "--config", str(retina_run / "config.yaml")]) == 0
    shown = capfd.readouterr().out
    macro_f1 = json.loads((retina_run / "result.json").read_text())["test"]["macro_f1"]
    assert f"{macro_f1:.4f}" in shown


def test_a_finished_run_is_not_run_again(
    retina_run: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same command on a finished folder says so and changes nothing."""
    before = (retina_run / "result.json").stat().st_mtime_ns
    assert fit("retina", retina_run, "--data.root", str(medmnist_root), *SHORT) == 0
    assert "nothing to do" in capfd.readouterr().err
    assert (retina_run / "result.json").stat().st_mtime_ns == before


def test_seeds_give_different_weights(tmp_path: Path) -> None:
    """Another seed starts from other weights; the same one from the same."""
    weights = []
    for name, seed in (("a", "1"), ("b", "2"), ("c", "1")):
        assert fit("toy_balanced", tmp_path / name, "--seed_everything", seed, *SHORT_TOY) == 0
        path = tmp_path / name / "checkpoints" / "selected.ckpt"
        weights.append(torch.load(path, weights_only=True)["state_dict"]["network.weight"])
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


NEEDY = {"auxiliary_grade", "diverse_experts", "group_parity", "subclass_contrastive"}
NEEDY |= {"appearance_weighted_erm", "regrouped"}
"""Overlays that need more: another run, a file, rows in memory, other outputs. They are tested where they belong."""

FIRST_STAGES = {"supervised_contrastive", "facility_location", "graph_cut", "self_supervised"}
"""Overlays that train what comes before the head alone, which a linear model does not have."""

PAIRS = [
    (config, objective)
    for config in EXPERIMENTS
    for objective in sorted({*OBJECTIVES} - NEEDY)
    if config in {"toy_imbalanced", "retina", "modma"} or objective in {"cls_unbias", "erm", "group_dro"}
    if config != "toy_imbalanced" or objective not in FIRST_STAGES
]
"""Every config with the schedules that overlays treat apart; a linear model, images and speech with every overlay."""

TABLES = {
    "tabular": ("my_table", 30, {"label": ["benign", "malignant"]}),
    "hyperthyroid": ("hyperthyroid", 34, {"hyperthyroid": ["no", "yes"], "patient_id": [*range(34)]}),
    "parkinson_speech": ("parkinson_speech", 751, {"class": ["control", "PD"]}),
    "breast_cancer": ("breast_cancer", 30, {"target": [1, 0]}),
}
"""Of each config the file, the number of features, and what its other columns hold by turns."""


@pytest.mark.parametrize(("config", "objective"), PAIRS)
def test_configs_take_overlays(
    config: str, objective: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each runs a step of training and validation, and leaves no folder."""
    options = []
    if config in TABLES:
        name, features, others = TABLES[config]
        by_turns = {column: [values[row % len(values)] for row in range(70)] for column, values in others.items()}
        table_of(70, features).drop(columns="label").assign(**by_turns).to_csv(tmp_path / f"{name}.csv", index=False)
        options = ["--data.root", str(tmp_path)]
    elif config in {"bccd", "image_folder"}:
        write_cells(tmp_path / "bccd")
        write_folders(tmp_path / "my_images", each=8)
        options = ["--data.root", str(tmp_path)]
    elif config in {"blood", "derma"}:
        digest = write_medmnist(tmp_path, f"{config}mnist", {"train": 32, "val": 16, "test": 16})
        monkeypatch.setitem(medmnist.INFO[f"{config}mnist"], "MD5", digest)
        options = ["--data.root", str(tmp_path)]
    elif not config.startswith("toy"):
        root = request.getfixturevalue("speech_root" if config in SPEECH else "medmnist_root")
        options = ["--data.root", str(root), *SPEECH.get(config, ())]
    assert fit(config, tmp_path / "run", "--trainer.fast_dev_run", "true", *options, objective=objective) == 0
    assert not (tmp_path / "run").exists()


def test_regrouping_needs_an_output_for_each_part(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And says so."""
    assert fit("toy_imbalanced", tmp_path / "run", *SHORT_TOY, objective="regrouped") == 2
    assert "set model.network.init_args.out_features to 4" in capfd.readouterr().err
    options = ("--model.network.out_features", "4", *SHORT_TOY)
    assert fit("toy_imbalanced", tmp_path / "run", *options, objective="regrouped") == 0


def test_the_overlay_keeps_the_data_sets_own_tau(tmp_path: Path) -> None:
    """Group DRO drops λ's schedule and keeps that of τ, whatever it is."""
    options = ("--anneal.tau.init_args.start", "2", "--anneal.tau.init_args.end", "0.01", *SHORT_TOY)
    assert fit("toy_balanced", tmp_path / "run", *options, objective="group_dro") == 0
    anneal = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["anneal"]
    assert anneal["lam"] is None
    assert anneal["tau"]["init_args"] == {"start": 2.0, "end": 0.01}
    assert pd.read_csv(tmp_path / "run" / "metrics.csv")["tau"].min() == pytest.approx(0.01)


def test_predict_scores_new_images(retina_run: Path, tmp_path: Path, medmnist_root: Path) -> None:
    """The same test images as files, as an npz and in training's own pass get the same probabilities."""
    with np.load(medmnist_root / "retinamnist.npz") as arrays:
        images = arrays["test_images"][:5]
    (tmp_path / "folder").mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "folder" / f"{index}.png")
    np.savez(tmp_path / "new.npz", images=images)
    expected = pd.read_csv(retina_run / "predictions.csv").query("split == 'test'")["prob_1"].to_numpy()[:5]
    for source, names in (("folder", [f"{index}.png" for index in range(5)]), ("new.npz", list("01234"))):
        out = tmp_path / f"scores-{source}"
        options = ["--config", str(retina_run / "config.yaml"), "--input", str(tmp_path / source), "--out", str(out)]
        assert main(["predict", *options]) == 0
        found = pd.read_csv(out / "predictions.csv", dtype={"unit": str})
        assert list(found["unit"]) == names
        np.testing.assert_allclose(found["prob_1"], expected, atol=1e-6)
        assert (found["prediction"] == np.where(expected > 0.5, "grade ≥ 2", "grade < 2")).all()
