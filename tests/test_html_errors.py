"""``clsunbias report`` on folders that are not as they should be, and on runs of ``fit``."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from clsunbias.__main__ import main
from clsunbias.files import sealed
from tests.pages import TOY_COLUMN, Tables, fitted, records, report
from tests.records import SPEAKERS, Labels, write_made_up_grid, write_record
from tests.test_errors import fails


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report finds no data but where it is told to look."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "nowhere")


def test_what_is_missing_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a half-finished folder status 1, on the page and on stderr which runs; of an empty one status 2."""
    grid = write_made_up_grid(tmp_path, {"toy": TOY_COLUMN}, {"toy": SPEAKERS}, protocols={"paper": {"seeds": 3}})
    runs = tmp_path / "out" / "runs" / "toy" / "paper" / "toy"
    (runs / "erm" / "2" / "result.json").unlink()
    (runs / "erm" / "2" / "error.txt").write_text("no memory")
    (runs / "cls_unbias" / "1" / "result.json").unlink()
    assert report(tmp_path / "out", tmp_path / "page.html", "--grid", str(grid)) == 1
    said = ["paper/toy/erm: seeds 2 (failed, see error.txt: 2)", "paper/toy/cls_unbias: seeds 1"]
    text, err = (tmp_path / "page.html").read_text(), capfd.readouterr().err
    assert all(one in text and one in err for one in said)
    assert "All data behind this page are made up" in text
    assert [one["seeds"] for one in records(tmp_path / "page.html")["arms"]] == [[0, 1], [0, 2]]
    (runs / "erm" / "2" / "result.json").write_text("{}")  # not read
    (runs / "cls_unbias" / "2" / "result.json").unlink()
    write = ["report", str(tmp_path / "out"), "--grid", str(grid), "--html", str(tmp_path / "page.html")]
    assert main([*write, "--seeds", "2"]) == 1
    err = capfd.readouterr().err
    assert err == "missing: paper/toy/cls_unbias: seeds 1\nleft out: paper/toy/erm: seeds 2\n"
    assert "<li>paper/toy/erm: seeds 2</li>" in (tmp_path / "page.html").read_text().partition('id="extra"')[2]
    options = ["report", str(tmp_path / "out"), "--grid", str(grid), "--html", str(tmp_path / "no.html")]
    for path in runs.rglob("result.json"):
        path.unlink()
    fails(options, capfd, "no finished run", "paper/toy/erm: seeds 0, 1, 2", "clsunbias reproduce")
    (tmp_path / "empty").mkdir()
    fails(["report", str(tmp_path / "empty")], capfd, "no finished run", "clsunbias fit")
    fails(["report", str(tmp_path / "none")], capfd, "there is no folder")
    assert not (tmp_path / "no.html").exists()


def test_records_that_do_not_belong_or_were_altered(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Another grid's run among these, runs of several grids, a figure changed by hand and one sealed anew."""
    grid = write_made_up_grid(tmp_path, {"toy": TOY_COLUMN}, {"toy": SPEAKERS})
    out, html = tmp_path / "out", tmp_path / "page.html"
    options = ["report", str(out), "--grid", str(grid), "--html", str(html)]
    runs = out / "runs" / "toy" / "paper" / "toy"
    stranger = runs / "group_dro" / "0"
    config = yaml.safe_load((runs / "erm" / "0" / "config.yaml").read_text())
    write_record(stranger, config, SPEAKERS, dataset="toy", objective="group_dro")
    fails(options, capfd, str(stranger), "different grids are not mixed")
    (stranger / "result.json").unlink()

    path = runs / "erm" / "0" / "result.json"
    honest = path.read_text()
    forged = json.loads(honest)
    forged["test"]["macro_f1"] += 0.1
    path.write_text(json.dumps(forged))
    fails(options, capfd, str(path), "changed after the run wrote it")
    path.write_text(json.dumps(sealed(forged)))
    fails(options, capfd, str(path.parent), "predictions give")
    path.write_text(honest)

    curves = runs / "erm" / "0" / "metrics.csv"
    kept = curves.read_bytes()
    for content in (None, b"", b"a,b\n1,2\n"):
        curves.unlink() if content is None else curves.write_bytes(content)
        fails(options, capfd, str(curves), "cannot be read", "delete")
    curves.write_bytes(kept)

    changed = yaml.safe_load(grid.read_text())
    changed["rows"]["erm"]["set"]["trainer.max_epochs"] = 4
    grid.write_text(yaml.safe_dump(changed))
    fails(options, capfd, "another config", "max_epochs is 3, asked for is 4")
    for name in ("table2", "mine"):
        (tmp_path / "several" / "runs" / name).mkdir(parents=True)
    fails(["report", str(tmp_path / "several")], capfd, "several grids (mine, table2)")
    assert not html.exists()


def test_runs_of_fit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A table a data set, a row an objective, seeds together wherever they lie; a single run has no deviation."""
    for name, seeds in (("erm", (0, 1)), ("mine", (0,))):
        for seed in seeds:
            config = fitted(name, seed, positive_fraction=0.5, train_seed=seed)
            write_record(tmp_path / "runs" / name / str(seed), config, SPEAKERS, dataset="toy", objective=name)
    other = fitted("erm", 0, positive_fraction=0.1, train_seed=0)
    write_record(tmp_path / "runs" / "x", other, SPEAKERS, dataset="toy", objective="erm")
    unfinished = tmp_path / "runs" / "erm" / "2"
    unfinished.mkdir()
    (unfinished / "config.yaml").write_text("{}")
    html = tmp_path / "page.html"
    assert report(tmp_path / "runs", html) == 1
    assert "missing: erm/2" in capfd.readouterr().err
    tables = Tables(html.read_text()).tables
    headline = tables["toy (positive_fraction 0.5): runs of clsunbias fit"]
    assert headline[0] == ["Method", "Settings", "toy (positive_fraction 0.5)"]
    values = [
        json.loads((tmp_path / "runs" / "erm" / seed / "result.json").read_text())["test"]["macro_f1"] for seed in "01"
    ]
    assert headline[1] == ["erm", "as fitted", f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"]
    single = json.loads((tmp_path / "runs" / "mine" / "0" / "result.json").read_text())["test"]["macro_f1"]
    assert headline[2] == ["mine", "as fitted", f"{single:.3f}"]
    assert "toy (positive_fraction 0.1): runs of clsunbias fit" in tables
    assert "clsunbias fit --config erm/1/config.yaml --out again/erm/1" in html.read_text()

    slower = {**fitted("erm", 3, positive_fraction=0.5, train_seed=3), "trainer": {"max_epochs": 4}}
    write_record(tmp_path / "runs" / "slower", slower, SPEAKERS, dataset="toy", objective="erm")
    second = fitted("erm", 0, positive_fraction=0.5, train_seed=0, sampler={"class_path": "clsunbias.ClassBalanced"})
    for seed in (0, 1):
        again = {**second, "seed_everything": seed, "init_from": f"erm/{seed}", "freeze": "backbone"}
        write_record(tmp_path / "runs" / "second" / str(seed), again, SPEAKERS, dataset="toy", objective="erm")
    assert report(tmp_path / "runs", html) == 1
    headline = Tables(html.read_text()).tables["toy (positive_fraction 0.5): runs of clsunbias fit"]
    rows = {row[0]: row[2] for row in headline[1:]}
    assert len(rows) == 4
    assert "mine" in rows
    assert "erm (trainer.max_epochs 4)" in rows
    stages = "erm (init_from given, freeze backbone, trainer.max_epochs 3, data.sampler ClassBalanced)"
    assert "±" in rows[stages], "two seeds of one row"
    twice = fitted("erm", 0, positive_fraction=0.5, train_seed=0)
    write_record(tmp_path / "runs" / "twice", twice, SPEAKERS, dataset="toy", objective="erm")
    fails(["report", str(tmp_path / "runs")], capfd, "twice", "the same run")


def test_runs_that_cannot_be_trusted_are_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of runs of fit the others are shown, each of these is named with the reason, and the status is 1."""
    runs = tmp_path / "runs"
    for seed in range(6):
        write_record(runs / str(seed), fitted("erm", seed), SPEAKERS, dataset="toy", objective="erm")
    (runs / "1" / "config.yaml").unlink()
    (runs / "2" / "predictions.csv").unlink()
    (runs / "3" / "result.json").write_text("[")
    (runs / "4" / "config.yaml").write_text("- 1")
    assert main(["report", str(runs)]) == 1
    said = capfd.readouterr()
    assert "erm, as fitted" in said.out
    assert "±" in said.out, "two of the six"
    lines = said.err.splitlines()
    assert [line.split("missing: ")[1].split(" ")[0] for line in lines] == [
        str(runs / name) for name in ("1/result.json", "2/predictions.csv", "3/result.json", "4/result.json")
    ]
    assert main(["report", str(runs), "--html", str(tmp_path / "page.html")]) == 1
    assert "2/predictions.csv is missing or not what" in (tmp_path / "page.html").read_text()
    for seed in (0, 5):
        (runs / str(seed) / "config.yaml").unlink()
    fails(["report", str(runs)], capfd, "no finished run", "0/result.json", "config.yaml")


@pytest.mark.parametrize(
    "data",
    [
        {"class_path": "evil.Data"},
        {"class_path": "clsunbias.data.Toy", "init_args": {"sampler": "evil.Data"}},
        {"class_path": "clsunbias.data.Toy", "init_args": {"resample": {"class_path": "evil.Data"}}},
        {"class_path": "clsunbias.data.Speech", "init_args": {"corpus": "x", "front_end": "evil.Data"}},
        {"class_path": "clsunbias.data.medmnist.MedMNIST"},
        {"class_path": "clsunbias.data.base.Path", "init_args": {}},
    ],
    ids=str,
)
def test_other_peoples_runs_run_nothing(data: dict[str, Any], tmp_path: Path) -> None:
    """Modules beside the runs, which their configs name or which are called as others are, are not imported."""
    config = {**fitted("erm", 0), "data": data}
    write_record(tmp_path / "runs" / "0", config, SPEAKERS, dataset="theirs", objective="erm")
    for name in ("evil", "markdown_it", "wandb"):
        (tmp_path / f"{name}.py").write_text("import pathlib; pathlib.Path('came_true').write_text('it ran')\n")
    command = [sys.executable, "-P", "-m", "clsunbias", "report", "runs", "--html", "page.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "theirs" in (tmp_path / "page.html").read_text()
    assert not (tmp_path / "came_true").exists()


def test_a_data_set_that_cannot_be_loaded_and_more_classes(tmp_path: Path) -> None:
    """Its classes go by number and that is said; of three classes each has its score; text stays text."""
    three: Labels = {split: np.arange(30) % 3 for split in ("train", "val", "test")}
    for seed in (0, 1):
        config = fitted("erm", seed)
        config["data"] = {"class_path": "not_there.Corpus"}
        write_record(
            tmp_path / "runs" / str(seed), config, three, dataset="</script><b>", objective="erm", classes=3, unit="S"
        )
    losses = {f"{phase}/loss/class {at}": [0.5, np.inf, np.nan] for phase in ("train", "val") for at in range(3)}
    pd.DataFrame({"step": [1, 2, 3], **losses}).to_csv(tmp_path / "runs" / "0" / "metrics.csv", index=False)
    pd.DataFrame({"step": [1, 2, 3], **losses}).to_csv(tmp_path / "runs" / "1" / "metrics.csv", index=False)
    html = tmp_path / "page.html"
    assert report(tmp_path / "runs", html) == 0
    text = html.read_text()
    assert "<b>" not in text
    packed = records(html)
    assert packed["datasets"][0]["classes"] == ["class 0", "class 1", "class 2"]
    assert packed["datasets"][0]["label"] == "</script><b>"
    curves = np.frombuffer(base64.b64decode(packed["arms"][0]["curves"]["values"]), "<f2").reshape(2, 6, 3)
    np.testing.assert_array_equal(curves[:, :, 0], 0.5)
    assert not np.isfinite(curves[:, :, 1:]).any()
    assert len(base64.b64decode(packed["arms"][0]["scores"]["test"])) == 2 * 30 * 3 * 4
    assert packed["datasets"][0]["splits"]["test"]["names"] == [f"S{at}" for at in range(30)]
    assert "not_there.Corpus cannot say more" in text
    assert "names of the units of &lt;/script&gt;&lt;b&gt;, with" in text


def test_a_page_of_numbered_units_names_nobody(tmp_path: Path) -> None:
    """Nor does it say that it does."""
    for seed in (0, 1):
        write_record(tmp_path / "runs" / str(seed), fitted("erm", seed), SPEAKERS, dataset="toy", objective="erm")
    assert report(tmp_path / "runs", tmp_path / "page.html") == 0
    assert "Before you share" not in (tmp_path / "page.html").read_text()
