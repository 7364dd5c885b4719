"""The report's page in a real Chromium: every control does what it says, nothing is fetched, nothing overflows."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from clsunbias.__main__ import main
from tests.browser import (
    BACKGROUND,
    CONTRAST,
    METHODS,
    STRUCTURE,
    Page,
    close,
    expected,
    open_page,
    points_of,
    rows_of,
    scores,
    shown,
    worst_first,
)
from tests.pages import TOY_COLUMN, fitted
from tests.records import RETINA, SPEAKERS, Labels, retina_labels, write_made_up_grid, write_record

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, medmnist_root: Path) -> Path:
    """Runs on real and on simulated data, under two protocols, and their page."""
    folder = tmp_path_factory.mktemp("browser")
    columns = {"retina": {**RETINA, "configs": {"paper": "retina.yaml", "more": "retina.yaml"}}, "toy": TOY_COLUMN}
    more = {"label": "more seeds", "seeds": 3, "first_seed": 5}
    labels: dict[str, Labels] = {"retina": retina_labels(medmnist_root), "toy": SPEAKERS}
    grid = write_made_up_grid(folder, columns, labels, protocols={"more": more})
    options = ["--grid", str(grid), "--data-root", str(medmnist_root)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSUNBIAS_DATA", "")  # the option sets it: put back afterwards
        assert main(["report", str(folder / "out"), "--html", str(folder / "page.html"), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests."""
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Page]:
    """The page on a desktop; whatever a test does, it complains of nothing and asks for nothing."""
    made, complaints = open_page(browser, folder / "page.html", viewport={"width": 1280, "height": 900})
    yield made
    assert complaints == []
    made.context.close()


@pytest.mark.parametrize("threshold", [0.5, 0.0, 0.3, 0.735, 1.0])
def test_figures_at_a_threshold_are_scikit_learns(page: Page, folder: Path, threshold: float) -> None:
    """Of one run and over all, with costs, on both splits; so are the confusion matrices."""
    page.fill("#cost-fn", "5")
    page.fill("#cost-fp", "0.5")
    page.fill("#threshold", str(threshold))
    assert page.text_content("#threshold-shown") == f"{threshold:.3f}"
    for split in ("test", "val"):
        page.select_option("#split", split)
        for chosen, seeds in (("all", (0, 1)), ("1", (1,))):
            page.select_option("#seed", chosen)
            found, by_class = rows_of(page, "#figures"), rows_of(page, "#figures-by-class")
            assert list(found) == list(by_class) == list(METHODS)
            for method, row in METHODS.items():
                runs = [scores(folder, row, seed, split) for seed in seeds]
                wanted = [expected(*run, threshold, 5, 0.5) for run in runs]
                assert close(found[method], shown([overall for overall, _ in wanted]))
                assert close(by_class[method], shown([of_classes for _, of_classes in wanted]))
                matrices = [confusion_matrix(labels, prob > threshold, labels=[0, 1]) for labels, prob in runs]
                cells = page.locator("#confusions table", has_text=method).last.locator("td").all_text_contents()
                assert [float(cell) for cell in cells] == pytest.approx(np.mean(matrices, 0).ravel(), abs=0.06)


def test_the_headline_agrees_with_the_threshold_of_a_half(page: Page) -> None:
    """The table above and the figures below say the same of the same runs."""
    headline = page.locator("#results table").first.locator("tbody tr").all_inner_texts()
    below = rows_of(page, "#figures")
    for method in METHODS:
        assert any(below[method][0] in line for line in headline), (below[method], headline)


def test_data_set_settings_and_split(page: Page, folder: Path) -> None:
    """Another data set brings its own classes, protocols and runs, and the stamp if it is simulated."""
    assert page.locator(".stamped.simulated").count() == 0
    assert page.locator("#protocol option").all_inner_texts() == ["short", "more seeds"]
    page.select_option("#protocol", "more seeds")
    assert page.locator("#seed option").all_inner_texts() == ["all: mean ± sd", "seed 5", "seed 6", "seed 7"]
    runs = [scores(folder, "erm", seed, place="more/retina") for seed in (5, 6, 7)]
    assert close(rows_of(page, "#figures")["ERM"], shown([expected(*run, 0.5, 1, 1)[0] for run in runs]))
    page.select_option("#dataset", label="Made up (simulated)")
    assert page.locator(".stamped.simulated").count() == 2
    assert page.locator("#protocol option").all_inner_texts() == ["short"]
    assert page.locator("#figures-by-class th").all_inner_texts()[1:3] == ["F1 (negative)", "sensitivity (negative)"]
    assert "taken for negative" in page.inner_text("#confusions")
    runs = [scores(folder, "erm", seed, place="paper/toy") for seed in (0, 1)]
    assert close(rows_of(page, "#figures")["ERM"], shown([expected(*run, 0.5, 1, 1)[0] for run in runs]))
    assert page.locator("#gallery > li").count() > 0
    assert page.locator("#gallery img").count() == 0, "no picture, and no box in its place"
    assert "No pictures of this split" in page.inner_text("#errors-said")


LOSSES = ("loss_neg", "loss_pos")


def logged(folder: Path, row: str, seed: int) -> pd.DataFrame:
    """What a run of the page logged."""
    return pd.read_csv(folder / "out" / "runs" / "toy" / "paper" / "retina" / row / str(seed) / "metrics.csv")


def test_class_losses(page: Page, folder: Path) -> None:
    """A panel for each method with both classes on one scale, and their gap; of a run its own, and its checkpoint."""
    page.eval_on_selector("#curves-also + details", "one => one.open = true")
    header = page.locator("#curve-ends th[scope=col]").all_inner_texts()
    assert header == ["Method", "loss (grade < 2)", "loss (grade ≥ 2, positive)", "Gap", "Highest loss"]
    for phase, (chosen, seeds) in itertools.product(("val", "train"), (("all", (0, 1)), ("1", (1,)))):
        page.select_option("#phase", phase)
        page.select_option("#seed", chosen)
        assert page.locator("#curves figcaption").all_inner_texts() == list(METHODS)
        assert page.locator("#curves polyline").count() == 2 * 2
        assert page.locator("#curves path.selected").count() == len(seeds) * 2
        scales = page.locator("#curves svg").evaluate_all("all => all.map(one => one.querySelectorAll('.axis').length)")
        assert len(set(scales)) == 1, "one scale"
        for method, row in METHODS.items():
            losses = np.stack([logged(folder, row, seed)[[f"{phase}/{name}" for name in LOSSES]] for seed in seeds])
            gap = np.abs(losses[:, :, 0] - losses[:, :, 1])
            wanted = [*losses.mean(0)[-1], gap.mean(0)[-1]]
            *ends, since = rows_of(page, "#curve-ends")[method]
            assert [float(text.split(" ± ")[0]) for text in ends] == pytest.approx(wanted, rel=6e-3)
            assert ("±" in "".join(ends)) == (len(seeds) > 1)
            frames = [logged(folder, row, seed) for seed in (0, 1)]
            steps = [step for seed in seeds for step in parted(frames[seed], phase, frames)]
            assert (f"from step {np.median(steps):g} on" if steps else "none to the end") in since
            assert page.locator("#curves figure", has_text=method).last.locator(".parted").count() == bool(steps)
    page.uncheck("#methods input[value=ERM]")
    assert list(rows_of(page, "#figures")) == ["Cls-unbias"]
    assert page.locator("[data-line=ERM]").count() == 0
    assert page.locator("#curves polyline").count() == 2
    assert page.locator("#confusions table").count() == 1
    page.uncheck("#methods input[value=Cls-unbias]")
    assert page.inner_text("#curves-said") == "No method is ticked."
    assert page.locator("#gallery > li").count() == page.locator("figure").count() == 0
    page.check("#methods input[value=ERM]")
    assert list(rows_of(page, "#figures")) == ["ERM"]


def parted(frame: pd.DataFrame, phase: str, frames: list[pd.DataFrame]) -> list[int]:
    """The step since which a run has the higher loss of the class that all runs end with the higher loss of, if any."""
    names = [f"{phase}/{name}" for name in LOSSES]
    label = int(np.mean([other[names].to_numpy()[-1] for other in frames], axis=0).argmax())
    losses = frame[names].to_numpy()
    behind = np.flatnonzero(losses[:, label] <= losses[:, 1 - label])
    return [int(step) for step in frame["step"].iloc[behind[-1] + 1 if len(behind) else 0 :]][:1]


def test_scores(page: Page, folder: Path) -> None:
    """ROC and precision–recall curves pass where scikit-learn's do; histograms count the same units."""
    page.select_option("#seed", "1")
    for at, side in ((1, "grade ≥ 2, positive"), (0, "grade < 2")):
        page.select_option("#of", label=side)
        titles = page.locator("#ranking figcaption").all_inner_texts()
        assert [title.partition(":")[0] for title in titles] == ["ROC", "Precision and recall", "Reliability"]
        drawn, counted = [], []
        for method, row in METHODS.items():
            labels, prob = scores(folder, row, 1)
            own, score = labels == at, np.abs(1 - at - prob.astype(float))
            false, true, _ = roc_curve(own, score, drop_intermediate=False)
            x, y = points_of(page.locator("#ranking figure").nth(0), method)
            between = np.abs(x[:, None] - false).min(1) > 1e-3  # on a step of the curve either of its ends will do
            assert y[between] == pytest.approx(np.interp(x, false, true)[between], abs=0.01)
            precision, recall, _ = precision_recall_curve(own, score)
            x, y = points_of(page.locator("#ranking figure").nth(1), method)
            between = np.abs(x[:, None] - recall).min(1) > 1e-3
            first = [precision[recall >= one][-1] for one in x[between]]
            assert y[between] == pytest.approx(first, abs=0.01)
            for label, name in enumerate(("grade < 2", "grade ≥ 2")):
                units = score[labels == label]
                counted.append(np.histogram(units, 20, (0, 1))[0] / len(units))
                panel = page.locator("#histograms figure").nth(list(METHODS).index(method))
                drawn.append(points_of(panel, name)[1][::2])
        assert np.array(drawn) == pytest.approx(np.array(counted) / np.max(counted), abs=0.01)
    page.fill("#threshold", "0.7")
    labels, prob = scores(folder, "erm", 1)
    dot = page.locator("#ranking figure").first.locator("circle").first
    assert (float(dot.get_attribute("cx") or 0) - 44) / 306 == pytest.approx(
        (prob <= 0.7)[labels == 1].mean(), abs=0.01
    )


def test_the_misclassified(page: Page, folder: Path) -> None:
    """Worst first, with pictures at 0.5; more on demand; by one method or any; another threshold, other units."""

    def units() -> list[int]:
        names = page.locator("#gallery > li strong").all_inner_texts()
        return [int(name.removeprefix("test ")) for name in names]

    wanted = worst_first(folder, ["erm", "cls_unbias"], [0, 1], 0.5)
    assert units() == wanted[:24]
    assert page.inner_text("#errors-said").startswith(f"{len(wanted)} of ")
    while page.is_visible("#more"):
        page.click("#more")
    assert units() == wanted
    assert page.locator("#gallery img").count() == len(wanted) > 24
    sizes = page.locator("#gallery img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert set(sizes) == {28}
    page.select_option("#wrong-by", "Cls-unbias")
    assert units() == worst_first(folder, ["cls_unbias"], [0, 1], 0.5)[:24]
    page.select_option("#seed", "1")
    page.fill("#threshold", "0.8")
    assert units() == worst_first(folder, ["cls_unbias"], [1], 0.8)[:24]
    first = units()[0]
    labels, prob = scores(folder, "cls_unbias", 1)
    truth = prob[first] if labels[first] else 1 - prob[first]
    assert f"{truth:.3f}" in page.locator("#gallery > li").first.inner_text()
    page.click("#reset")
    assert page.input_value("#threshold") == "0.5"
    assert units() == worst_first(folder, ["cls_unbias"], [1], 0.5)[:24]


@pytest.mark.parametrize("value", ["", "-3", "-0.1", "1e999"])
def test_costs_that_are_no_numbers(page: Page, value: str) -> None:
    """Are refused at their own field, and nothing is made of them; the other figures stay."""
    for name, other in (("fn", "fp"), ("fp", "fn")):
        page.fill(f"#cost-{name}", value)
        assert page.inner_text(f"#cost-{name}-wrong") == "Give a number from 0 up."
        assert page.get_attribute(f"#cost-{name}", "aria-invalid") == "true"
        assert page.get_attribute(f"#cost-{name}", "aria-describedby") == f"cost-{name}-wrong"
        assert page.inner_text(f"#cost-{other}-wrong") == ""
        assert rows_of(page, "#figures")["ERM"][3] == "–"
        assert "±" in rows_of(page, "#figures")["ERM"][0]
        page.fill(f"#cost-{name}", "0")
        assert page.inner_text(f"#cost-{name}-wrong") == ""
        assert rows_of(page, "#figures")["ERM"][3] != "–"


def test_light_and_dark(browser: Any, folder: Path) -> None:
    """As the system says, until the button says otherwise, also after a reload; text is readable in each."""
    page, complaints = open_page(browser, folder / "page.html", color_scheme="dark")
    dark = page.evaluate(BACKGROUND)
    page.fill("#cost-fn", "-1")
    readable(page)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(BACKGROUND)
    assert light == "rgb(255, 255, 255)" != dark
    readable(page)
    seen = {}
    for _ in range(3):
        page.click("#theme")
        seen[page.inner_text("#theme")] = page.evaluate(BACKGROUND)
    assert seen == {"Theme: light": light, "Theme: dark": dark, "Theme: as the system": light}
    page.click("#theme")
    page.click("#theme")
    page.reload()
    assert (page.inner_text("#theme"), page.evaluate(BACKGROUND)) == ("Theme: dark", dark)
    assert complaints == []


def readable(page: Page) -> None:
    """Text has a contrast of 4.5, what is drawn one of 3, as WCAG 2.2 AA asks for."""
    found = page.evaluate(CONTRAST)
    assert found["texts"] >= 4.5
    assert found["drawn"] >= 3
    assert found["methods"] >= 3


@pytest.mark.parametrize("width", [360, 768])
def test_no_horizontal_overflow(browser: Any, folder: Path, width: int) -> None:
    """With everything opened; wide tables scroll within themselves, and by keyboard."""
    page, complaints = open_page(
        browser, folder / "page.html", viewport={"width": width, "height": 740}, has_touch=True
    )
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    for dataset in ("Retina", "Made up (simulated)"):
        page.select_option("#dataset", label=dataset)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    controls = page.locator("select:visible, button:visible, #threshold").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => [box.left, box.right, box.height])"
    )
    assert all(left >= 0 and right <= width and height >= 24 for left, right, height in controls)
    assert complaints == []


def test_keyboard_and_names(page: Page) -> None:
    """Tab reaches the skip link and every control, focus is seen, arrows move the slider; all have names."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    reached = set()
    while True:
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break  # round once
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.value"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if page.evaluate("document.activeElement.id") == "threshold":
            page.keyboard.press("ArrowRight")
            assert page.inner_text("#threshold-shown") == "0.505"
    ids = page.locator("select, input, button").evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => one.id || one.value)"
    )
    assert set(ids) <= reached
    found = page.evaluate(STRUCTURE)
    assert not any(found.values()), found


def test_print(page: Page) -> None:
    """Everything is opened, buttons are gone, it is light, and nothing is wider than the paper."""
    closed = page.locator("details:not([open])").count()
    assert closed > 0
    page.click("#theme")
    page.click("#theme")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1032, "height": 703})  # A4 across, less the margins
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("button:visible").count() == 0
    assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1032
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == closed
    assert page.pdf().startswith(b"%PDF")


def test_three_classes(browser: Any, tmp_path: Path) -> None:
    """No threshold, no cost; each unit goes to its most probable class."""
    three = {split: np.arange(30) % 3 for split in ("train", "val", "test")}
    for seed in (0, 1):
        config = {**fitted("erm", seed), "data": {"class_path": "not_there.Corpus"}}
        write_record(
            tmp_path / "runs" / str(seed), config, three, dataset="three", objective="erm", classes=3, unit="S"
        )
    names = [f"train/loss/class {at}" for at in range(3)]
    losses = pd.DataFrame([[0.5, 0.25, 0.1], [0.5, 0.75, 0.1], [np.inf, 1, 1]], columns=names).assign(step=[1, 2, 3])
    for path in (tmp_path / "runs").glob("*/metrics.csv"):
        losses.to_csv(path, index=False)
    assert main(["report", str(tmp_path / "runs"), "--html", str(tmp_path / "page.html")]) == 0
    page, complaints = open_page(browser, tmp_path / "page.html")
    assert not page.is_visible("#threshold")
    assert page.inner_text("#curves-said") == "These runs logged no class losses."
    page.select_option("#phase", "train")
    assert page.locator("#curves polyline").count() == 3
    lines = page.locator("#curves polyline").evaluate_all("all => all.map(one => one.getAttribute('points'))")
    assert [len(line.split()) for line in lines] == [2, 3, 3], "but for what diverged"
    page.select_option("#seed", "1")
    figures = json.loads((tmp_path / "runs" / "1" / "result.json").read_text())["test"]
    overall = [f"{figures[name]:.3f}" for name in ("macro_f1", "auroc", "accuracy")]
    assert close(rows_of(page, "#figures")["erm"], overall)
    found = rows_of(page, "#figures-by-class")["erm"]
    recall = [figures[f"recall/class {label}"] for label in range(3)]
    assert [float(found[at]) for at in (1, 5, 9)] == pytest.approx(recall, abs=1e-3)
    assert np.mean([float(found[at]) for at in (3, 7, 11)]) == pytest.approx(figures["auprc"], abs=1e-3)
    assert page.locator("#ranking figure").count() == 3
    assert page.locator("#histograms polyline").count() == 3
    assert page.locator("#gallery > li strong").first.inner_text().startswith("S")
    assert page.locator("#gallery > li").count() > 0
    assert complaints == []
