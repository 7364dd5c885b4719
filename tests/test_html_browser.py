"""The report's page in a real Chromium: every control does what it says, nothing is fetched, nothing overflows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from clsunbias.__main__ import main
from tests.browser import (
    BACKGROUND,
    CONTRAST,
    METHODS,
    Page,
    close,
    expected,
    open_page,
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
            found = rows_of(page, "#figures")
            assert list(found) == list(METHODS)
            for method, row in METHODS.items():
                runs = [scores(folder, row, seed, split) for seed in seeds]
                assert close(found[method], shown([expected(*run, threshold, 5, 0.5) for run in runs]))
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
    assert close(rows_of(page, "#figures")["ERM"], shown([expected(*run, 0.5, 1, 1) for run in runs]))
    page.select_option("#dataset", label="Made up (simulated)")
    assert page.locator(".stamped.simulated").count() == 2
    assert page.locator("#protocol option").all_inner_texts() == ["short"]
    assert "taken for negative" in page.inner_text("#confusions")
    runs = [scores(folder, "erm", seed, place="paper/toy") for seed in (0, 1)]
    assert close(rows_of(page, "#figures")["ERM"], shown([expected(*run, 0.5, 1, 1) for run in runs]))
    assert page.locator("#gallery .blank").count() == page.locator("#gallery > li").count() > 0


def test_methods_and_losses(page: Page, folder: Path) -> None:
    """A method that is not ticked is nowhere; three panels, of training or validation, with their last values."""
    lines = "#curves polyline"
    assert page.locator("#curves svg").count() == 3
    assert page.locator(lines).count() == 2 * 3
    labels = page.locator("#curves svg").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    runs = folder / "out" / "runs" / "toy" / "paper" / "retina" / "erm"
    frames = [pd.read_csv(runs / seed / "metrics.csv") for seed in "01"]
    for phase in ("train", "val"):
        page.select_option("#phase", phase)
        page.eval_on_selector("#curves + details", "one => one.open = true")
        ends = [float(text.split(" ± ")[0]) for text in rows_of(page, "#curve-ends")["ERM"]]
        names = [f"{phase}/{name}" for name in ("loss_pos", "loss_neg", "loss_gap")]
        wanted = [np.mean([frame[name].iloc[-1] for frame in frames]) for name in names]
        np.testing.assert_allclose(ends, wanted, rtol=6e-3)
    assert page.locator("#curves svg").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))") != labels
    page.uncheck("#methods input[value=ERM]")
    assert list(rows_of(page, "#figures")) == ["Cls-unbias"]
    assert page.locator(f"{lines}[data-method=ERM]").count() == 0
    assert page.locator(lines).count() == 3
    assert page.locator("#confusions table").count() == 1
    page.uncheck("#methods input[value=Cls-unbias]")
    assert page.inner_text("#curves-said") == "No method is ticked."
    assert page.locator("#gallery > li").count() == 0
    page.check("#methods input[value=ERM]")
    assert list(rows_of(page, "#figures")) == ["ERM"]


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


def test_costs_that_are_no_numbers(page: Page) -> None:
    """Count as 0: nothing, and less than nothing."""
    for value in ("", "-3"):
        page.fill("#cost-fn", value)
        page.fill("#cost-fp", value)
        assert rows_of(page, "#figures")["ERM"][2] == "0.0 ± 0.0"


def test_light_and_dark(browser: Any, folder: Path) -> None:
    """As the system says, until the button says otherwise, also after a reload; text is readable in each."""
    page, complaints = open_page(browser, folder / "page.html", color_scheme="dark")
    dark = page.evaluate(BACKGROUND)
    assert page.evaluate(CONTRAST) >= 4.5
    page.emulate_media(color_scheme="light")
    light = page.evaluate(BACKGROUND)
    assert light == "rgb(255, 255, 255)" != dark
    assert page.evaluate(CONTRAST) >= 4.5
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
    assert page.locator(".scroll:not([tabindex='0'][role='region'][aria-label])").count() == 0
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
    nameless = "all => all.filter(one => !(one.labels?.length || one.textContent.trim())).length"
    assert page.locator("select, input, button").evaluate_all(nameless) == 0
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("img:not([alt])").count() == 0


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
    losses = pd.DataFrame({"step": [1, 2, 3], "train/loss_gap": [0.5, 0.25, np.inf]})
    for path in (tmp_path / "runs").glob("*/metrics.csv"):
        losses.to_csv(path, index=False)
    assert main(["report", str(tmp_path / "runs"), "--html", str(tmp_path / "page.html")]) == 0
    page, complaints = open_page(browser, tmp_path / "page.html")
    assert not page.is_visible("#threshold")
    assert page.locator("#curves svg").count() == 1
    assert len((page.locator("#curves polyline").get_attribute("points") or "").split()) == 2, "but for what diverged"
    page.select_option("#phase", "val")
    assert page.inner_text("#curves-said") == "These runs logged no class losses."
    page.select_option("#seed", "1")
    figures = json.loads((tmp_path / "runs" / "1" / "result.json").read_text())["test"]
    found = rows_of(page, "#figures")["erm"]
    assert found[:2] == [f"{figures['macro_f1']:.3f}", f"{figures['accuracy']:.3f}"]
    recall = [figures[f"recall/class {label}"] for label in range(3)]
    assert [float(found[at]) for at in (3, 6, 9)] == pytest.approx(recall, abs=1e-3)
    assert page.locator("#gallery > li strong").first.inner_text().startswith("S")
    assert page.locator("#gallery .blank").count() == page.locator("#gallery > li").count() > 0
    assert complaints == []
