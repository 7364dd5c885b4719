"""``clsunbias report``: the page's content from made-up records."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clsunbias.__main__ import main
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.simulation import simulated_part
from clsunbias.files import CONFIGS
from tests.pages import TOY_COLUMN, Tables, records, report
from tests.records import RETINA, SPEAKERS, Labels, retina_labels, write_made_up_grid, write_runs
from tests.test_errors import fails


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
    assert len(sections) == 7, "headline, loss gap, differences and gains under two protocols, search"
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


def test_curves_are_those_of_every_run(grid: Path, html: Path) -> None:
    """To three digits, in training and validation, with the step that was selected."""
    found = next(one for one in records(html)["arms"] if (one["method"], one["protocol"]) == ("ERM", "short"))["curves"]
    folder = grid.parent / "out" / "runs" / "toy" / "paper" / "retina" / "erm"
    frames = [pd.read_csv(folder / seed / "metrics.csv") for seed in "01"]
    assert found["steps"] == frames[0]["step"].to_list()
    assert found["names"] == [f"{phase}/grade {sign} 2" for phase in ("train", "val") for sign in ("<", "≥")]
    names = ["train/loss_neg", "train/loss_pos", "val/loss_neg", "val/loss_pos"]
    values = np.frombuffer(base64.b64decode(found["values"]), "<f2").reshape(2, 4, -1)
    np.testing.assert_allclose(values, np.stack([frame[names].to_numpy().T for frame in frames]), rtol=1e-3)
    assert found["selected"] == [50, 50]


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
    assert tables["Retina"][0][1:3] == ["grade < 2", "grade ≥ 2, positive"]
    assert "CC BY 4.0" in text
    assert "LastStep()" in text
    assert "torch 2" in text
    assert "“Too few seeds”: of 2 paired runs" in text.replace("&#34;", '"').replace(
        '"Too few seeds"', "“Too few seeds”"
    )
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
    articles = re.findall(r"<article(.*?)>\n<h3>(.*?)</h3>(.*?)</article>", text, re.DOTALL)
    assert [title for _, title, _ in articles[:2]] == ["Retina", "Made up, simulated"]
    articles = articles[2:4]
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
    assert text.count("<article") == len(re.findall(r'<article class="(?:card )?simulated"', text)) == 2 + 1 + 2
    assert 'class="published' not in text
    assert "clsunbias reproduce cue --out results --simulated\n" in text
    assert "clsunbias report results/runs/cue_simulated --html page.html" in text
    assert "manifest.csv" in text, "what is not here"
    assert [one["classes"] for one in records(tmp_path / "page.html")["datasets"]] == [["negative", "positive"]] * 2
    (tmp_path / "out" / "runs" / "cue").mkdir()
    fails(["report", str(tmp_path / "out")], capfd, "several grids (cue, cue_simulated)")


def test_an_unfinished_search_chooses_nothing(grid: Path, tmp_path: Path) -> None:
    """The cell is left out as a whole, and the trial is named."""
    shutil.copytree(grid.parent / "out", tmp_path / "out")
    trial = tmp_path / "out" / "runs" / "toy" / "tuned" / "retina" / "erm" / "lr=0.1" / "10"
    (trial / "result.json").unlink()
    assert report(tmp_path / "out", tmp_path / "page.html", "--grid", str(grid)) == 1
    arms = [(arm["method"], arm["protocol"]) for arm in records(tmp_path / "page.html")["arms"]]
    assert arms == [("ERM", "short"), ("Cls-unbias", "short"), ("Cls-unbias", "tuned")]
    assert "<li>tuned/retina/erm/lr=0.1: seeds 10</li>" in (tmp_path / "page.html").read_text()
