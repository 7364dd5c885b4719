"""Speech through the front door: simulate, prepare, fit, predict; figures of speakers and of segments."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn import metrics

from clsunbias.__main__ import main
from tests.processes import command, kill_in_the_middle
from tests.test_cli import CONFIGS, SPEECH, fit
from tests.test_errors import fails

SHORT = ("--trainer.max_epochs", "6", "--trainer.check_val_every_n_epoch", "3")
LAST = ("--selection", "clsunbias.selection.LastStep")


def short_fit(corpus: str, out: Path, root: Path, *options: str) -> Path:
    """Six steps on a made-up corpus."""
    assert fit(corpus, out, "--data.root", str(root), *SPEECH[corpus], *SHORT, *LAST, *options) == 0
    return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, speech_root: Path) -> dict[str, Path]:
    """A short run on each corpus."""
    folder = tmp_path_factory.mktemp("runs")
    return {corpus: short_fit(corpus, folder / corpus, speech_root) for corpus in SPEECH}


def result_of(run: Path) -> dict[str, Any]:
    """The record of a run."""
    content: dict[str, Any] = json.loads((run / "result.json").read_text())
    return content


def predictions_of(run: Path) -> pd.DataFrame:
    """What a run predicted, by unit."""
    return pd.read_csv(run / "predictions.csv", dtype={"unit": str}).set_index("unit")


def check_figures(predictions: pd.DataFrame, figures: dict[str, dict[str, float]]) -> None:
    """Compares the figures of each split with those that scikit-learn computes from the predictions."""
    for split, rows in predictions.groupby("split"):
        label, prob, said = rows["label"], rows.filter(regex=r"^prob_\d+$").to_numpy(), figures[str(split)]
        chosen, classes = prob.argmax(1), range(prob.shape[1])
        scores = {
            "macro_f1": metrics.f1_score(label, chosen, average="macro"),
            "balanced_accuracy": metrics.balanced_accuracy_score(label, chosen),
            "loss": metrics.log_loss(label, prob / prob.sum(1, keepdims=True), labels=classes),
        }
        if len(classes) == 2:
            scores |= {
                "pos_f1": metrics.f1_score(label, chosen, zero_division=0),
                "auroc": metrics.roc_auc_score(label, prob[:, 1]),
                "auprc": metrics.average_precision_score(label, prob[:, 1]),
                "brier": metrics.brier_score_loss(label, prob[:, 1]),
            }
        assert {name: said[name] for name in scores} == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("corpus", SPEECH)
def test_a_run_scores_speakers(corpus: str, runs: dict[str, Path], speech_root: Path) -> None:
    """Every speaker of the manifest once, in its own split; figures follow from the predictions; simulated is said."""
    result, predictions = result_of(runs[corpus]), predictions_of(runs[corpus])
    manifest = pd.read_csv(speech_root / corpus / "manifest.csv", dtype={"speaker": str})
    speakers = manifest.drop_duplicates("speaker").set_index("speaker")
    assert manifest.groupby("speaker")[["split", "label"]].nunique().eq(1).all(axis=None)
    assert not predictions.index.duplicated().any()
    assert set(predictions.index) == set(speakers.index)
    assert (predictions[["split", "label"]] == speakers.loc[predictions.index, ["split", "label"]]).all(axis=None)
    assert (result["dataset"], result["unit"], result["simulated"]) == (
        corpus,
        "speaker",
        not corpus.startswith("voiced"),
    )
    assert result["units"] == speakers["split"].value_counts().to_dict()
    check_figures(predictions, result)
    assert result["segment"].keys() == {"train", "val", "test"}


def test_segments_may_lead_and_votes_may_count(runs: dict[str, Path], speech_root: Path, tmp_path: Path) -> None:
    """The same weights, scored by segment: figures of both kinds agree, and speakers are means or votes of these."""
    by_segment = short_fit("modma", tmp_path / "segment", speech_root, "--data.headline", "segment")
    by_vote = short_fit("modma", tmp_path / "vote", speech_root, "--data.merge", "vote")
    rows, speakers = predictions_of(by_segment), predictions_of(runs["modma"])
    result, segment_result = result_of(runs["modma"]), result_of(by_segment)
    check_figures(rows, segment_result)
    assert segment_result["unit"] == "segment"
    for split in ("train", "val", "test"):
        assert result["segment"][split] == pytest.approx(segment_result[split])
        assert result[split] == pytest.approx(segment_result["speaker"][split])
    names, numbers = zip(*(name.split("/") for name in rows.index), strict=True)
    grouped = rows["prob_1"].groupby(list(names), sort=False)
    assert [int(number) for number in numbers] == grouped.cumcount().tolist()
    assert grouped.size().nunique() > 1, "speakers of one length would hide a mean over the wrong rows"
    np.testing.assert_allclose(speakers["prob_1"], grouped.mean()[speakers.index], rtol=1e-6)
    votes = (rows["prob_1"] > 0.5).groupby(list(names)).mean()
    np.testing.assert_allclose(predictions_of(by_vote)["prob_1"], votes[speakers.index], rtol=1e-6)


def test_predict_scores_new_recordings(runs: dict[str, Path], speech_root: Path, tmp_path: Path) -> None:
    """Training's own recordings get the probabilities they had; what is no recording is named."""
    (tmp_path / "new").mkdir()
    for number in (1, 4, 13):
        shutil.copy(speech_root / f"raw/voiced/{number}.wav", tmp_path / "new")
    options = ["predict", "--config", str(runs["voiced"] / "config.yaml"), "--out", str(tmp_path / "out"), "--input"]
    assert main([*options, str(tmp_path / "new")]) == 0
    found = predictions_of(tmp_path / "out")
    assert list(found.index) == ["1.wav", "13.wav", "4.wav"]
    expected = predictions_of(runs["voiced"]).loc[["voice001", "voice013", "voice004"], "prob_1"]
    np.testing.assert_allclose(found["prob_1"], expected, atol=2e-3)  # training's frames are kept in half precision
    assert main([*options, str(tmp_path / "new" / "4.wav")]) == 0
    assert predictions_of(tmp_path / "out")["prob_1"].tolist() == [found.loc["4.wav", "prob_1"]]


def test_predict_needs_no_corpus(runs: dict[str, Path], speech_root: Path, tmp_path: Path) -> None:
    """A speaker's recordings, listed as such, get the probability that the run merged; another front end is refused."""
    manifest = pd.read_csv(speech_root / "modma" / "manifest.csv", dtype={"speaker": str})
    chosen = manifest[manifest["speaker"].isin(manifest["speaker"].unique()[:2])]
    table = chosen.assign(path=[str(speech_root / "modma" / path) for path in chosen["path"]])[["path", "speaker"]]
    table.to_csv(tmp_path / "new.csv", index=False)
    options = ["predict", "--config", str(runs["modma"] / "config.yaml"), "--input", str(tmp_path / "new.csv")]
    options += ["--data.root", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(options) == 0
    found = predictions_of(tmp_path / "out")
    expected = predictions_of(runs["modma"]).loc[found.index, "prob_1"]
    np.testing.assert_allclose(found["prob_1"], expected, atol=2e-3)  # training's frames are kept in half precision
    assert found["prediction"].isin(result_of(runs["modma"])["class_names"]).all()
    assert main([*options, "--data.front_end.hop", "0.02"]) == 2


@pytest.mark.slow
def test_an_exported_model_says_what_frames_it_takes(runs: dict[str, Path], tmp_path: Path) -> None:
    """Rate, bands, normalisation and length of a segment are in its metadata."""
    assert main(["export", str(runs["voiced"]), "--onnx", str(tmp_path / "model.onnx")]) == 0
    properties = {one.key: one.value for one in onnx.load(tmp_path / "model.onnx").metadata_props}
    inputs = json.loads(properties["inputs"])
    assert inputs["front_end"]["front_end"] == "LogMel"
    assert inputs["front_end"].keys() >= {"sample_rate", "bands", "window", "hop", "normalise"}
    assert (inputs["dimensions"], inputs["class_names"]) == (inputs["input_shape"][1], ["healthy", "pathological"])
    assert inputs["seconds"] > 0
    assert "frames of the front end" in properties["input_scaling"]


def test_new_recordings_that_cannot_be_scored(
    runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An empty folder, a file that is no recording, features where audio belongs."""
    options = ["predict", "--config", str(runs["voiced"] / "config.yaml"), "--out", str(tmp_path / "out"), "--input"]
    (tmp_path / "new").mkdir()
    fails([*options, str(tmp_path / "new")], capfd, "new holds no recordings")
    (tmp_path / "new" / "a.txt").write_text("no audio")
    fails([*options, str(tmp_path / "new")], capfd, "new holds no recordings; what is there: a.txt")
    np.save(tmp_path / "a.npy", np.ones((50, 40)))
    fails([*options, str(tmp_path / "a.npy")], capfd, "a.npy holds features; LogMel takes audio")


def test_what_is_not_there_or_does_not_fit(
    speech_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No manifest: the command that writes it; no weights; a network for other features. No folder is left."""
    args = ["fit", "--config", str(CONFIGS / "modma.yaml"), "--out", str(tmp_path / "run"), "--data.root"]
    command = f"clsunbias prepare modma --raw DIR --out {tmp_path / 'modma'}"
    fails([*args, str(tmp_path)], capfd, f"{tmp_path / 'modma' / 'manifest.csv'} is missing", command)
    other = [*args, str(speech_root), "--data.front_end.init_args.bands", "40"]
    assert main(other) == 2
    assert "FrameStatistics cannot take modma's rows of shape (384, 40): with features 80" in capfd.readouterr().err
    args[2] = str(CONFIGS / "daic_woz.yaml")
    fails([*args, str(speech_root)], capfd, "wav2vec_large.pt is missing", "wav2vec 1.0 that fairseq", "LogMel")
    assert not (tmp_path / "run").exists()


def test_what_is_said_to_do_without_weights_works(
    speech_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The options in the message make the shipped config a run."""
    args = ["fit", "--config", str(CONFIGS / "daic_woz.yaml"), "--out", str(tmp_path / "run"), *SHORT, *LAST]
    args += ["--data.root", str(speech_root), "--trainer.enable_progress_bar", "false"]
    assert main(args) == 2
    options = capfd.readouterr().err.partition("Log-mel frames need no weights: ")[2].split()
    assert main([*args, *options]) == 0
    assert result_of(tmp_path / "run")["dataset"] == "daic_woz"


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on(speech_root: Path, tmp_path: Path) -> None:
    """After kill −9 the same command ends as an undisturbed run does: another segment of each speaker, none twice."""
    options = ["--data.root", str(speech_root), "--trainer.max_epochs", "60", "--save_every", "0"]
    assert fit("modma", tmp_path / "whole", *options) == 0
    kill_in_the_middle(command("modma", tmp_path / "killed", *options), tmp_path / "killed", 5)
    assert fit("modma", tmp_path / "killed", *options) == 0
    whole, resumed = (tmp_path / name / "predictions.csv" for name in ("whole", "killed"))
    assert whole.read_bytes() == resumed.read_bytes()
