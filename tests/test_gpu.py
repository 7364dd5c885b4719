"""Where there is a GPU: objectives agree with the CPU's, no step waits for it, training in mixed precision repeats."""

import copy
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from clsunbias.__main__ import main
from clsunbias.objectives import GroupParity, Objective
from clsunbias.runs import load_run
from tests.test_cli import SHORT, fit
from tests.test_contract import EVERY, batch, evaluate, label, made

if not torch.cuda.is_available():
    pytest.skip("there is no GPU here", allow_module_level=True)

GPU = ("--trainer.accelerator", "gpu", "--trainer.devices", "1")
CONFIGS = ("retina", "breast", "retina_grades", "voiced", "toy_imbalanced")


def on_gpu(make: Callable[[], Objective] | str, classes: int) -> Objective:
    """An objective of its own, set up: cases share their sample losses."""
    return copy.deepcopy(made(make, classes)).to("cuda")


@pytest.mark.parametrize("make", EVERY, ids=label)
def test_objectives_agree_with_the_cpu(make: Callable[[], Objective] | str) -> None:
    """The same loss and gradient; under autocast finite, and nothing is rounded after the logits."""
    for classes, absent in itertools.product((2, 5), (False, True)):
        objective = made(make, classes)
        logits, target, more = batch(objective, classes, absent)
        expected = evaluate(objective, logits, target, **more)
        objective = on_gpu(make, classes)
        target, more = target.cuda(), {name: values.cuda() for name, values in more.items()}
        found = evaluate(objective, logits.cuda(), target, **more)
        torch.testing.assert_close(found, expected, check_device=False, rtol=1e-4, atol=1e-5)
        for kind in (torch.bfloat16, torch.float16):
            objective = on_gpu(make, classes)
            with torch.autocast("cuda", kind):
                loss, gradient = evaluate(objective, logits.cuda().to(kind), target, **more)
            assert loss.isfinite() & gradient.isfinite().all()
            objective = on_gpu(make, classes)
            single = evaluate(objective, logits.cuda().to(kind).float(), target, **more)[0]
            torch.testing.assert_close(loss, single)


@pytest.mark.parametrize("make", [make for make in EVERY if make is not GroupParity], ids=label)
def test_no_objective_waits_for_the_gpu(make: Callable[[], Objective] | str) -> None:
    """Loss and gradient of a training step need no word back from the device; GroupParity asks how many groups."""
    objective = on_gpu(make, 2).train()
    logits, target, more = batch(objective, 2, absent=False)
    logits, target, more = logits.cuda(), target.cuda(), {name: values.cuda() for name, values in more.items()}
    evaluate(objective, logits, target, **more)
    torch.cuda.set_sync_debug_mode("error")
    try:
        evaluate(objective, logits, target, **more)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("config", CONFIGS)
def test_training_in_mixed_precision(
    config: str, precision: str, medmnist_root: Path, speech_root: Path, tmp_path: Path
) -> None:
    """By the front door: two runs of one seed are one, and on a CPU the model says what the run recorded."""
    root = speech_root if config == "voiced" else medmnist_root
    short = ("--trainer.max_epochs", "5", "--data.root", str(root))
    if config == "toy_imbalanced":
        short = ("--trainer.max_epochs", "12", "--selection", "clsunbias.selection.LastStep")
    for run in ("one", "two"):
        assert fit(config, tmp_path / run, *GPU, *short, "--trainer.precision", precision) == 0
    one, two = (load_run(tmp_path / run) for run in ("one", "two"))
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    if config == "voiced":  # whose units are joined of rows
        return
    one.data.prepare_data()
    one.data.setup("test")
    name, rows = list(one.data.scored_splits.items())[-1]
    with torch.no_grad():
        prob = one.model(rows.x[:]).float().softmax(1)
    recorded = one.predictions[one.predictions["split"] == name].filter(regex="^prob").to_numpy()
    tolerance = 1e-3 if precision == "32-true" else 0.03  # convolutions of single precision are TF32 there
    np.testing.assert_allclose(prob[:, -recorded.shape[1] :].numpy(), recorded, rtol=0, atol=tolerance)


def test_what_follows_a_training_on_the_gpu(medmnist_root: Path, tmp_path: Path) -> None:
    """A run of it is audited and exported, and another starts from its weights; records name the device."""
    run, looked_at = tmp_path / "run", ("--trainer.callbacks+=clsunbias.ClassSlopes", "--trainer.callbacks.every=1")
    assert fit("retina", run, *GPU, *SHORT, "--data.root", str(medmnist_root), *looked_at) == 0
    assert main(["audit", str(run), "--out", str(tmp_path / "audit")]) == 0
    found = pd.read_csv(tmp_path / "audit" / "slopes.csv").query("checkpoint")
    log = pd.read_csv(run / "metrics.csv").set_index("step").loc[found["step"].iloc[0]]
    for name, norm in zip(found["class"], found["norm"], strict=True):
        assert log[f"slopes/norm/{name}"] == pytest.approx(norm, rel=0.1)
    assert main(["export", str(run), "--onnx", str(tmp_path / "model.onnx")]) == 0
    second = ("--init_from", str(run), "--freeze", "backbone", "--fresh", "head")
    options = (*GPU, *SHORT, "--data.root", str(medmnist_root), *second)
    assert fit("retina", tmp_path / "second", *options) == 0
    result = json.loads((tmp_path / "second" / "result.json").read_text())
    assert "macro_f1" in result["test"]
    assert result["versions"]["device"] == torch.cuda.get_device_name()
