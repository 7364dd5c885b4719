"""A speaker's segments as a bag: how it is drawn, what attention makes of it, and runs on speech by the front door."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from clsunbias.__main__ import main
from clsunbias.data import ShuffledBatches, SpeakerBalanced, Split, Units
from clsunbias.data.bags import Bags, as_bags
from clsunbias.networks import FrameStatistics
from clsunbias.networks.speech import GatedAttention
from tests.test_cli import CONFIGS, fit
from tests.test_errors import fails


def test_gated_attention_by_hand() -> None:
    """Weights of three rows by the formula, and of two when the third is padding."""
    attention = GatedAttention(4, 3).double()
    rows = torch.randn(1, 3, 4, dtype=torch.float64)
    v, c = (one.detach().numpy() for one in (attention.content.weight, attention.content.bias))
    u, d = (one.detach().numpy() for one in (attention.gate.weight, attention.gate.bias))
    w, h = attention.score.weight.detach().numpy()[0], rows[0].numpy()
    scores = [w @ (np.tanh(v @ one + c) / (1 + np.exp(-(u @ one + d)))) for one in h]
    for there in ([0, 1, 2], [0, 1]):
        shares = np.exp([scores[row] for row in there])
        expected = sum(share * h[row] for share, row in zip(shares / shares.sum(), there, strict=True))
        valid = torch.tensor([[row in there for row in range(3)]])
        np.testing.assert_allclose(attention(rows, valid)[0].detach().numpy(), expected, rtol=1e-5)


def networks() -> tuple[FrameStatistics, FrameStatistics]:
    """One with attention, and a plain one of the same weights."""
    torch.manual_seed(0)
    bags, plain = FrameStatistics(5, 4, 8, attention=6), FrameStatistics(5, 4, 8)
    plain.load_state_dict({name: one for name, one in bags.state_dict().items() if not name.startswith("attention")})
    return bags, plain


def test_a_bag_of_one_segment_is_the_segment() -> None:
    """Also where it ends in padding."""
    bags, plain = networks()
    segments = torch.randn(6, 9, 5)
    segments[3:, 4:] = torch.nan
    torch.testing.assert_close(bags(segments.unsqueeze(1)), plain(segments))


def test_order_and_padding_of_a_bag_count_for_nothing() -> None:
    """In the logits and in the gradient of every weight."""
    bags, _ = networks()
    segments = torch.randn(2, 4, 9, 5)
    segments[0, 3:] = torch.nan
    padded = torch.cat([segments, torch.full((2, 3, 9, 5), torch.nan)], 1)[:, [6, 2, 0, 5, 1, 4, 3]]
    found = []
    for one in (segments, padded):
        logits = bags(one)
        gradients = torch.autograd.grad(logits.square().sum(), list(bags.parameters()))
        assert all(gradient.isfinite().all() for gradient in gradients)
        found.append((logits, *gradients))
    torch.testing.assert_close(found[0], found[1])


def split_of(counts: list[int]) -> Split:
    """Speakers with so many segments of one frame, each the number of its row; rows of speakers in turn."""
    of_row = torch.tensor(sorted(range(sum(counts)), key=lambda row: row % 2))
    of_row = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))[of_row]
    target = torch.arange(len(counts)) % 2
    x = torch.arange(float(len(of_row))).view(-1, 1, 1)
    units = Units(target, of_row, "speaker", [f"s{number}" for number in range(len(counts))])
    return Split(x, target[of_row], [units])


def numbers(bag: Tensor) -> list[int]:
    """Rows in a bag."""
    return [int(number) for number in bag.flatten().tolist() if number == number]


def test_bags_hold_the_rows_of_their_speaker() -> None:
    """All in order where they are scored, as many as asked for in training, others each epoch, by the epoch alone."""
    split = split_of([1, 5, 3, 4])
    bags = as_bags(split)
    assert isinstance(bags.x, Bags)
    assert bags.units[0].names == ["s0", "s1", "s2", "s3"]
    assert bags.units[0].of_row is None
    assert torch.equal(bags.target, torch.tensor([0, 1, 0, 1]))
    assert bags.x[:2].shape == (2, 5, 1, 1)
    of_row = split.units[0].of_row
    assert of_row is not None
    for number, bag in enumerate(bags.x[torch.arange(4)]):
        assert numbers(bag) == (of_row == number).nonzero().flatten().tolist()
    sampler = SpeakerBalanced(bags)
    drawing = bags.x.drawing(2, sampler)
    epochs = []
    for epoch in range(8):
        sampler.set_epoch(epoch)
        assert sorted(torch.cat(list(sampler)).tolist()) == [0, 1, 2, 3]
        drawn = [numbers(bag) for bag in drawing[torch.arange(4)]]
        assert [len(bag) for bag in drawn] == [1, 2, 2, 2]
        assert all(set(bag) <= set(numbers(whole)) for bag, whole in zip(drawn, bags.x[:], strict=True))
        assert [numbers(bag) for bag in drawing[torch.tensor([3, 1])]] == [drawn[3], drawn[1]]
        epochs.append(drawn)
    assert {row for drawn in epochs for row in drawn[1]} == set(numbers(bags.x[torch.tensor([1])]))
    assert isinstance(ShuffledBatches(bags, 2), ShuffledBatches)


OVERLAY = ("--config", str(CONFIGS / "remedies" / "segment_attention.yaml"))


def test_a_run_with_bags(speech_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """From contrast to classification: speakers have predictions; new recordings and the exported model agree."""
    root, short = ("--data.root", str(speech_root)), ("--trainer.max_epochs", "10", "--data.seconds", "0.4")
    run = tmp_path / "run"
    assert fit("voiced", run, *root, *OVERLAY, *short, objective="contrastive_switch") == 0
    result = json.loads((run / "result.json").read_text())
    predictions = pd.read_csv(run / "predictions.csv")
    assert result["unit"] == "speaker"
    assert len(predictions) == sum(result["units"].values()) == predictions["unit"].nunique() == 14
    assert "segment" not in result
    assert not (run / "predictions_rows.csv").exists()
    assert json.loads((run / "inputs.json").read_text())["input_shape"][0] == "segments"
    recordings = ["--input", str(speech_root / "raw" / "voiced"), "--out", str(tmp_path / "new")]
    wavs = tmp_path / "wavs"
    wavs.mkdir()
    for path in (speech_root / "raw" / "voiced").glob("*.wav"):
        (wavs / f"voice{int(path.stem):03d}.wav").write_bytes(path.read_bytes())
    recordings[1] = str(wavs)
    assert main(["predict", "--config", str(run / "config.yaml"), *recordings]) == 0
    new = pd.read_csv(tmp_path / "new" / "predictions.csv").set_index("unit")["prob_1"]
    known = predictions.set_index("unit")["prob_1"]
    np.testing.assert_allclose(new.rename(lambda name: name.removesuffix(".wav"))[known.index], known, atol=2e-3)
    assert main(["export", str(run), "--onnx", str(tmp_path / "model.onnx")]) == 0


def test_one_segment_each_is_a_run_without_bags(speech_root: Path, tmp_path: Path) -> None:
    """The weights of a plain run, attention beside them: the same probabilities of each speaker."""
    options = ["--data.root", str(speech_root), "--data.seconds", "3", "--trainer.max_epochs", "5"]
    plain, bags = tmp_path / "plain", tmp_path / "bags"
    assert fit("voiced", plain, *options, objective="erm") == 0
    start = ["--init_from", str(plain), "--fresh", "attention", "--model.optimizer.init_args.lr", "1e-30"]
    assert fit("voiced", bags, *options, *OVERLAY, *start, objective="erm") == 0
    found, expected = (pd.read_csv(run / "predictions.csv") for run in (bags, plain))
    assert list(found["unit"]) == list(expected["unit"])
    np.testing.assert_allclose(found["prob_1"], expected["prob_1"], rtol=1e-5)


def test_what_does_not_go_with_bags(speech_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Bags without attention and attention without bags, other levels of scores, views of segments, no segment."""
    trial = ("--data.root", str(speech_root), *OVERLAY, "--trainer.fast_dev_run", "true")
    assert fit("voiced", tmp_path / "trial", *trial, objective="erm") == 0
    config = ["fit", "--config", "configs/voiced.yaml", "--data.root", str(speech_root), "--out", str(tmp_path / "run")]
    fails([*config, "--data.bag", "4"], capfd, "has shape (rows, frames, 40)", "a network with attention")
    fails([*config, "--model.network.attention", "4"], capfd, "(bags, segments, frames, 40)", "data.bag makes bags")
    fails([*config, "--data.bag", "0"], capfd, "at least 1; got 0")
    fails([*config, "--data.bag", "4", "--data.headline", "segment"], capfd, "a speaker gets one score")
    fails([*config, "--data.bag", "4", "--data.merge", "vote"], capfd, "a speaker gets one score")
    views = ["--config", "configs/objectives/self_supervised.yaml", *OVERLAY]
    fails([*config, *views], capfd, "makes views of single segments", "--fresh '[head, attention]'")
    assert not (tmp_path / "run").exists()
