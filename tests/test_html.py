"""``clsunbias report``: the page's content from made-up records, and what it refuses."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from clsunbias.__main__ import main
from clsunbias.experiments.grid import CONFIGS, load_grid
from clsunbias.experiments.simulation import simulated_part
from clsunbias.files import sealed
from tests.fakes import TOY_GRID
from tests.records import RETINA, SPEAKERS, Labels, retina_labels, write_made_up_grid, write_record, write_runs
from tests.test_errors import fails

TOY_COLUMN = {**TOY_GRID["columns"]["balanced"], "label": "Made up"}


class Tables(HTMLParser):
    """Rows of every table as texts, by the heading, summary or caption above it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.title, self.within = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"h3", "summary"}:
            self.title, self.within = "", "title"
        elif tag == "table":
            self.tables[self.title] = []
        elif tag == "tr":
            self.tables[self.title].append([])
        elif tag in {"td", "th"}:
            self.tables[self.title][-1].append("")
            self.within = "cell"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h3", "summary", "td", "th"}:
            self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within == "title":
            self.title += data
        elif self.within == "cell":
            self.tables[self.title][-1][-1] += data


def report(folder: Path, html: Path, *options: str) -> int:
    """Writes a folder's page."""
    return main(["report", str(folder), "--html", str(html), *options])


def records(html: Path) -> dict[str, Any]:
    """What the page's script works on."""
    found = re.search(r'<script id="records" type="application/json">(.*?)</script>', html.read_text(), re.DOTALL)
    assert found
    return dict(json.loads(found[1], parse_constant=pytest.fail))  # a browser reads no NaN


@pytest.fixture(scope="module")
def labels(medmnist_root: Path) -> Labels:
    """Of RetinaMNIST, official or fake."""
    return retina_labels(medmnist_root)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, labels: Labels) -> Path:
    """A grid with published figures and a search, finished; a data set of its own is not there."""
    tuned = {
        "label": "tuned",
        "seeds": 2,
        "first_seed": 20,
        "search": {"seeds": 1, "first_seed": 10},
        "axes": {"model.optimizer.init_args.lr": [0.01, 0.1]},
    }
    absent = {"label": "Not there", "configs": {"paper": "none.yaml"}, "needs": "none/x.csv", "get": "get it"}
    column = {**RETINA, "configs": {"paper": "retina.yaml", "tuned": "retina.yaml"}}
    return write_made_up_grid(
        tmp_path_factory.mktemp("grid"),
        {"retina": column, "none": absent},
        {"retina": labels},
        protocols={"tuned": tuned},
    )


@pytest.fixture(scope="module")
def html(grid: Path, medmnist_root: Path) -> Path:
    """Its page, made where the data are."""
    path = grid.parent / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSUNBIAS_DATA", "")  # the option sets it: put back afterwards
        assert report(grid.parent / "out", path, "--grid", str(grid), "--data-root", str(medmnist_root)) == 0
    return path


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report finds no data but where it is told to look."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "nowhere")


def test_every_table_is_that_of_reproduce(grid: Path, html: Path) -> None:
    """The same sections with the same cells, the headline's and all the others'; nothing is run for either."""
    assert main(["reproduce", str(grid), "--out", str(grid.parent / "out"), "--jobs", "1"]) == 0
    tables = Tables(html.read_text()).tables
    sections = (grid.parent / "out" / "toy.md").read_text().split("\n## ")[1:]
    assert len(sections) == 5, "headline, loss gap, differences under two protocols, search"
    for section in sections:
        title, *lines = section.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ") and ":--" not in line]
        method = ""
        for (label, *cells), shown in zip(rows[1:], tables[title][1:], strict=True):
            texts = [re.sub(r" (better|worse) than ERM$| chosen$", "", text.strip()) for text in shown]
            assert texts[-len(cells) :] == cells
            method = texts[0] if len(texts) == len(tables[title][0]) else method
            ours = f"{method}, {texts[-len(cells) - 1]}" if tables[title][0][1] == "Settings" else method
            assert ours == label


def test_scores_are_those_of_the_predictions(grid: Path, html: Path) -> None:
    """Bit by bit; what they give at 0.5 is what the records say."""
    packed, root = records(html), grid.parent / "out" / "runs" / "toy"
    assert len(packed["arms"]) == 2 * 2, "methods × protocols, of a search the chosen setting alone"
    for arm in packed["arms"]:
        assert arm["seeds"] == ([0, 1] if arm["protocol"] == "short" else [20, 21])
        test = np.frombuffer(base64.b64decode(arm["scores"]["test"]), "<f4").reshape(2, -1)
        row = {"ERM": "erm", "Cls-unbias": "cls_unbias"}[arm["method"]]
        target = np.array(packed["datasets"][0]["splits"]["test"]["labels"])
        for seed, prob in zip(arm["seeds"], test, strict=True):
            found = []
            for path in root.rglob(f"retina/{row}/**/{seed}/predictions.csv"):
                if np.array_equal(pd.read_csv(path).query("split == 'test'")["prob_1"].to_numpy("<f4"), prob):
                    found.append(json.loads(path.with_name("result.json").read_text())["test"]["accuracy"])
            assert found == [pytest.approx(((prob > 0.5) == target).mean())]


def test_curves_are_means_over_seeds(grid: Path, html: Path) -> None:
    """To three digits, with their standard deviation, in training and validation."""
    arm = next(one for one in records(html)["arms"] if (one["method"], one["protocol"]) == ("ERM", "short"))
    folder = grid.parent / "out" / "runs" / "toy" / "paper" / "retina" / "erm"
    frames = [pd.read_csv(folder / seed / "metrics.csv") for seed in "01"]
    assert arm["curves"]["steps"] == {"train": frames[0]["step"].to_list(), "val": frames[0]["step"].to_list()}
    for name in ("train/loss_pos", "train/loss_neg", "train/loss_gap", "val/loss_gap"):
        values = np.stack([frame[name] for frame in frames])
        np.testing.assert_allclose(arm["curves"][name][0], values.mean(0), rtol=5e-3)
        np.testing.assert_allclose(arm["curves"][name][1], values.std(0, ddof=1), rtol=5e-3)


def test_pictures_of_what_is_misclassified(html: Path, labels: Labels, medmnist_root: Path) -> None:
    """Of each test unit that some run misclassifies at 0.5, pixel by pixel, and of no other unit."""
    packed = records(html)
    wrong: set[int] = set()
    for arm in packed["arms"]:
        test = np.frombuffer(base64.b64decode(arm["scores"]["test"]), "<f4").reshape(2, -1)
        wrong |= set(np.flatnonzero(((test > 0.5) != labels["test"]).any(0)).tolist())
    pictures = packed["datasets"][0]["splits"]["test"]["pictures"]
    assert {int(unit) for unit in pictures} == wrong
    assert packed["datasets"][0]["splits"]["val"]["pictures"] == {}
    unit = min(wrong)
    uri = packed["pictures"][pictures[str(unit)]]
    with np.load(medmnist_root / "retinamnist.npz") as arrays:
        expected = arrays["test_images"][unit]
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))
    assert np.array_equal(found, expected)


def test_what_the_page_says(html: Path, labels: Labels) -> None:
    """Reading, data card, licence, selection rule, versions and commands."""
    text, tables = html.read_text(), Tables(html.read_text()).tables
    counts = [[split, *map(str, np.bincount(labels[split])), str(len(labels[split]))] for split in labels]
    assert tables["Retina"][1:] == counts
    assert tables["Retina"][0][1:3] == ["grade &lt; 2 (negative)".replace("&lt;", "<"), "grade ≥ 2 (positive)"]
    assert "CC BY 4.0" in text
    assert "LastStep()" in text
    assert "torch 2" in text
    assert "Differences between published means: 1, of which our runs show" in text
    assert "clsunbias reproduce toy.yaml --out results --columns retina\n" in text
    assert "clsunbias report results/runs/toy --grid toy.yaml --html page.html<" in text
    assert str(html.parent) not in text, "paths of this machine"
    assert "get it" in text
    assert "SIMULATED.</strong>" not in text


def test_nothing_is_asked_of_the_network(html: Path) -> None:
    """No reference but to the page itself and to data in it, and a policy that forbids others."""
    text = html.read_text()
    references = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert references
    assert all(one.startswith(("#", "data:")) for one in references)
    assert "default-src 'none'" in text
    assert "@import" not in text


def test_simulated_data_stand_apart(tmp_path: Path, labels: Labels, capfd: pytest.CaptureFixture[str]) -> None:
    """Two tables, the simulated one stamped; without the data, names in place of pictures, and that is said."""
    columns = {"retina": {**RETINA, "published": {}}, "toy": TOY_COLUMN}
    grid = write_made_up_grid(tmp_path, columns, {"retina": labels, "toy": SPEAKERS})
    assert report(tmp_path / "out" / "runs" / "toy", tmp_path / "page.html", "--grid", str(grid)) == 0
    text = (tmp_path / "page.html").read_text()
    assert "Some data behind this page are made up" in text
    articles = re.findall(r"<article(.*?)>\n<h3>(.*?)</h3>(.*?)</article>", text, re.DOTALL)[:2]
    assert [(stamp.strip(), title) for stamp, title, _ in articles] == [
        ("", "A toy grid: Retina"),
        ('class="simulated"', "A toy grid (simulated data): Made up"),
    ]
    cells = [re.findall(r"<td>(.*?)</td>", content) for _, _, content in articles]
    assert not any("simulated" in cell for cell in cells[0])
    assert sum(", simulated" in cell for cell in cells[1]) == 2 * 3, "methods × metrics"
    assert "none needed: made up" in text
    assert "retinamnist.npz is not in the data folder: no pictures" in text
    packed = records(tmp_path / "page.html")
    assert [one["simulated"] for one in packed["datasets"]] == [False, True]
    assert packed["pictures"] == []

    assert report(tmp_path / "out", tmp_path / "page.html", "--grid", str(grid)) == 0
    assert main(["report", str(tmp_path / "out"), "--grid", str(grid)]) == 0
    assert "A toy grid" in capfd.readouterr().out


def test_a_table_on_simulated_recordings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The runs of ``reproduce cue --simulated`` are found by their folder; nothing published, stamped throughout."""
    grid = simulated_part(load_grid(CONFIGS / "tables" / "cue.yaml"))
    columns = dict.fromkeys(grid.columns, SPEAKERS)
    write_runs(grid, tmp_path / "out" / "runs" / "cue_simulated", CONFIGS / "tables", columns, simulated=True)
    assert report(tmp_path / "out", tmp_path / "page.html") == 0
    text = (tmp_path / "page.html").read_text()
    assert "<title>SIMULATED, says nothing about patients: A planted class-specific cue" in text
    assert "All data behind this page are made up" in text
    assert text.count("<article") == len(re.findall(r'<article class="(?:card )?simulated"', text)) == 1 + 2
    assert 'class="published' not in text
    assert "clsunbias reproduce cue --out results --simulated\n" in text
    assert "clsunbias report results/runs/cue_simulated --html page.html" in text
    assert "manifest.csv" in text, "what is not here"
    assert [one["classes"] for one in records(tmp_path / "page.html")["datasets"]] == [["negative", "positive"]] * 2
    (tmp_path / "out" / "runs" / "cue").mkdir()
    fails(["report", str(tmp_path / "out")], capfd, "several grids (cue, cue_simulated)")


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


def test_an_unfinished_search_chooses_nothing(grid: Path, tmp_path: Path) -> None:
    """The cell is left out as a whole, and the trial is named."""
    shutil.copytree(grid.parent / "out", tmp_path / "out")
    trial = tmp_path / "out" / "runs" / "toy" / "tuned" / "retina" / "erm" / "lr=0.1" / "10"
    (trial / "result.json").unlink()
    assert report(tmp_path / "out", tmp_path / "page.html", "--grid", str(grid)) == 1
    arms = [(arm["method"], arm["protocol"]) for arm in records(tmp_path / "page.html")["arms"]]
    assert arms == [("ERM", "short"), ("Cls-unbias", "short"), ("Cls-unbias", "tuned")]
    assert "<li>tuned/retina/erm/lr=0.1: seeds 10</li>" in (tmp_path / "page.html").read_text()


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


def fitted(name: str, seed: int, **data: Any) -> dict[str, Any]:
    """A saved config of ``fit``."""
    section = {"class_path": "clsunbias.data.Toy", "init_args": data}
    return {"seed_everything": seed, "trainer": {"max_epochs": 3}, "model": {"objective": name}, "data": section}


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
    fails(["report", str(tmp_path / "runs")], capfd, "slower", "trainer.max_epochs", "not mixed", "--grid")
    (tmp_path / "runs" / "slower" / "result.json").unlink()
    twice = fitted("erm", 0, positive_fraction=0.5, train_seed=0)
    write_record(tmp_path / "runs" / "twice", twice, SPEAKERS, dataset="toy", objective="erm")
    fails(["report", str(tmp_path / "runs")], capfd, "twice", "the same run")


def test_a_data_set_that_cannot_be_loaded_and_more_classes(tmp_path: Path) -> None:
    """Its classes go by number and that is said; of three classes each has its score; text stays text."""
    three: Labels = {split: np.arange(30) % 3 for split in ("train", "val", "test")}
    for seed in (0, 1):
        config = fitted("erm", seed)
        config["data"] = {"class_path": "not_there.Corpus"}
        write_record(
            tmp_path / "runs" / str(seed), config, three, dataset="</script><b>", objective="erm", classes=3, unit="S"
        )
    losses = {"train/loss_gap": [0.5, np.inf, np.nan], "val/loss_gap": [np.nan] * 3}
    pd.DataFrame({"step": [1, 2, 3], **losses}).to_csv(tmp_path / "runs" / "0" / "metrics.csv", index=False)
    pd.DataFrame({"step": [1, 2, 3], **losses}).to_csv(tmp_path / "runs" / "1" / "metrics.csv", index=False)
    html = tmp_path / "page.html"
    assert report(tmp_path / "runs", html) == 0
    text = html.read_text()
    assert "<b>" not in text
    packed = records(html)
    assert packed["datasets"][0]["classes"] == ["class 0", "class 1", "class 2"]
    assert packed["datasets"][0]["label"] == "</script><b>"
    assert packed["arms"][0]["curves"]["train/loss_gap"][0] == [0.5, None, None]
    assert len(base64.b64decode(packed["arms"][0]["scores"]["test"])) == 2 * 30 * 3 * 4
    assert packed["datasets"][0]["splits"]["test"]["names"] == [f"S{at}" for at in range(30)]
    assert "not_there.Corpus cannot say more" in text
