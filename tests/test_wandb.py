"""Runs on W&B: what is logged, read back from wandb's own files."""

import json
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from clsunbias.__main__ import main
from clsunbias.dashboards.charts import precision_recall, receiver_operating
from clsunbias.dashboards.logger import Wandb, WandbLogger
from clsunbias.dashboards.service import STEP
from clsunbias.dashboards.transaction_logs import mend, records, rows, values, whole
from tests.fakes import ONE_BY_ONE, write_grid
from tests.test_cli import CONFIGS, SHORT, SHORT_TOY, fit


def wait_for_the_end(log: Path) -> None:
    """The last part of a log is written soon after its run has ended."""
    while [*records(log)][-1].WhichOneof("record_type") != "exit":
        time.sleep(0.1)


def opened(log: Path) -> tuple[Any, dict[str, Any]]:
    """The run that a log opens, and its config."""
    (run,) = [record.run for record in records(log) if record.WhichOneof("record_type") == "run"]
    return run, {item.key: json.loads(item.value_json) for item in run.config.update}


def summary(log: Path) -> dict[str, Any]:
    """A log's summary, as it ends."""
    found: dict[str, Any] = {}
    for record in records(log):
        if record.WhichOneof("record_type") == "summary":
            found |= values(record.summary.update)
    return found


def logs(folder: Path) -> list[Path]:
    """The transaction logs below a folder, oldest first."""
    return sorted(folder.rglob("*run-*/*.wandb"))


def table(log: Path, value: Mapping[str, Any]) -> dict[str, Any]:
    """A table that a row of the history names."""
    return dict(json.loads((log.parent / "files" / value["path"]).read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["erm", "cls_unbias"])
def test_an_offline_run_read_back(
    objective: str, tmp_path: Path, medmnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group, tags and config, the curves on the axis of steps, tables and summary: what the run's own files say."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    options = ("--config", str(CONFIGS / "wandb.yaml"), "--data.root", str(medmnist_root), *SHORT)
    assert fit("retina", tmp_path / "run", *options, objective=objective) == 0
    (log,) = logs(tmp_path / "run")
    wait_for_the_end(log)
    run, config = opened(log)
    assert (run.project, run.run_group, list(run.tags)) == ("clsunbias", "retinamnist", [objective, "real"])
    assert config["model"]["network"]["class_path"] == "clsunbias.networks.SmallConvNet"
    assert (config["objective"], config["seed_everything"]) == (objective, 0)
    metrics = {record.metric.name or record.metric.glob_name: record.metric.step_metric for record in records(log)}
    assert metrics["*"] == STEP

    *curves, last = rows(log)
    written = pd.read_csv(tmp_path / "run" / "metrics.csv").sort_values("step")
    names = ["train/loss_pos", "train/loss_neg", "train/loss_gap", "lr", "val/pos_f1", "val/neg_f1"]
    names += ["lam", "tau"] if objective == "cls_unbias" else []
    assert [row[STEP] for row in curves] == [row["_step"] for row in curves] == list(written["step"])
    for name in names:
        assert [row[name] for row in curves] == pytest.approx(list(written[name]))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    found = summary(log)
    for split in ("val", "test"):
        assert found[f"selected/{split}/macro_f1"] == result[split]["macro_f1"]
    assert found["selected/step"] == result["step"]
    assert found["val/macro_f1"] == curves[-1]["val/macro_f1"], "the curve's own, of the last validation"
    predictions = pd.read_csv(tmp_path / "run" / "predictions.csv").query("split != 'train'")
    shown = table(log, last["predictions"])
    names = ["grade < 2", "grade ≥ 2"]
    whose = ["split", "row of predictions.csv", "class", "predicted"]
    assert shown["columns"] == [*whose, *(f"probability of {name}" for name in names)]
    assert [row[1] for row in shown["data"]] == list(predictions.index)
    assert [row[2] for row in shown["data"]] == [names[label] for label in predictions["label"]]
    assert [row[5] for row in shown["data"]] == pytest.approx(list(predictions["prob_1"]), abs=1e-6)
    confusion = table(log, last["test/confusion_table"])["data"]
    right = sum(count for actual, predicted, count in confusion if actual == predicted)
    assert right / result["units"]["test"] == pytest.approx(result["test"]["accuracy"])
    for name in ("confusion", "pr", "roc"):
        assert last[f"val/{name}_table"]["_type"] == "table-file"
    bins = [sum(last[f"test/score of grade {sign} 2"]["values"]) for sign in "<≥"]
    assert sum(bins) == result["units"]["test"]


def test_curves_agree_with_scikit_learn() -> None:
    """The areas under both curves, with equal scores among them."""
    from sklearn.metrics import roc_auc_score

    random = torch.Generator().manual_seed(0)
    target = (torch.rand(4000, generator=random) < 0.3).numpy()
    score = ((torch.rand(4000, generator=random).numpy() + target) * 20).round() / 40
    false, true = receiver_operating(target, score)
    assert float(((true[1:] + true[:-1]) / 2 * (false[1:] - false[:-1])).sum()) == pytest.approx(
        roc_auc_score(target, score), abs=0.01
    )
    recall, precision = precision_recall(target, score)
    for at, value in zip(recall[1::10], precision[1::10], strict=True):
        best = max(
            target[score >= threshold].mean()
            for threshold in set(score)
            if (score[target] >= threshold).mean() >= at - 1e-12
        )
        assert value == pytest.approx(best)


def test_what_a_kill_leaves_of_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``wandb sync`` stops at half a record, and at a log that does not open its run: neither is left to it."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert fit("toy_balanced", tmp_path / "run", "--wandb", "true", *SHORT_TOY) == 0
    (log,) = logs(tmp_path / "run")
    content = log.read_bytes()
    (_, header), (_, opening), (_, after) = islice(whole(content), 3)
    for length in (0, 3, header, opening - 1):
        log.write_bytes(content[:length])
        assert (mend(log), log.exists()) == (False, False)
    for length, left in ((opening, opening), (after - 1, opening), (after, after), (after + 3, after)):
        log.write_bytes(content[:length])
        assert mend(log)
        assert log.read_bytes() == content[:left]


@pytest.mark.slow
def test_a_grid_with_wandb_has_the_same_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run is one of its own there, in its table's group; without W&B the same command finds nothing to do."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    grid = write_grid(tmp_path / "toy.yaml", {"rows": ONE_BY_ONE})
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))  # workers of its own, with this environment
    for options in (["--wandb", "true"], []):
        out = tmp_path / f"out{len(options)}"
        assert main(["reproduce", str(grid), "--out", str(out), "--jobs", "1", *options]) == 0
    files = [(tmp_path / name / "toy_records.jsonl").read_text() for name in ("out0", "out2")]
    assert files[0] == files[1]
    found = [(log, *opened(log)) for log in logs(tmp_path / "out2")]
    assert len({run.run_id for _, run, _ in found}) == len(found) == 4
    assert {run.run_group for _, run, _ in found} == {"toy/balanced"}
    seeds = {(run.tags[0], config["seed_everything"]) for _, run, config in found}
    assert seeds == {(objective, seed) for objective in ("erm", "cls_unbias") for seed in (0, 1)}
    assert all(list(run.tags[1:3]) == ["simulated", "paper"] for _, run, _ in found)
    for log, *_ in found:
        assert [row["_step"] for row in rows(log)] == [1, 6, 11, 12], "three validations, then the result"
    assert not logs(tmp_path / "out0")
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out2"), "--jobs", "1"]) == 0
    assert (tmp_path / "out2" / "toy_records.jsonl").read_text() == files[0]


def test_a_defect_there_does_not_reach_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder in which W&B can write nothing."""
    (tmp_path / "wandb").write_text("in the way")
    logger = WandbLogger(Wandb(), tmp_path, {}, "0")
    logger.log_metrics({"lr": 1.0}, 1)
    logger.close()
    assert "the run does not depend on it" in capfd.readouterr().err


def test_disabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert fit("toy_balanced", tmp_path / "run", "--wandb", "true", *SHORT_TOY) == 0
    assert not (tmp_path / "run" / "wandb").exists()
