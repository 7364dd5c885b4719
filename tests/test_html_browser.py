"""The report's page in a real Chromium: every control does what it says, nothing is fetched, nothing overflows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from tests.browser import (
    BACKGROUND,
    CONTRAST,
    STRUCTURE,
    Page,
    close,
    expected,
    open_page,
    rows_of,
    scores,
    shown,
    worst_first,
)
from tests.pages import fitted
from tests.records import write_record


def test_data_set_settings_and_split(page: Page, page_folder: Path) -> None:
    """Another data set brings its own classes, protocols and runs, and the stamp if it is simulated."""
    assert page.locator(".stamped.simulated").count() == 0
    assert page.locator("#protocol option").all_inner_texts() == ["short", "more seeds"]
    page.select_option("#protocol", "more seeds")
    assert page.locator("#seed option").all_inner_texts() == ["all: mean ± sd", "seed 5", "seed 6", "seed 7"]
    runs = [scores(page_folder, "erm", seed, place="more/retina") for seed in (5, 6, 7)]
    assert close(rows_of(page, "#figures")["ERM"], shown([expected(*run, 0.5, 1, 1)[0] for run in runs]))
    page.select_option("#dataset", label="Made up (simulated)")
    assert page.locator(".stamped.simulated").count() == 2
    assert page.locator("#protocol option").all_inner_texts() == ["short"]
    assert page.locator("#figures-by-class th").all_inner_texts()[1:3] == ["F1 (negative)", "sensitivity (negative)"]
    assert "taken for negative" in page.inner_text("#confusions")
    runs = [scores(page_folder, "erm", seed, place="paper/toy") for seed in (0, 1)]
    assert close(rows_of(page, "#figures")["ERM"], shown([expected(*run, 0.5, 1, 1)[0] for run in runs]))
    assert page.locator("#gallery > li").count() > 0
    assert page.locator("#gallery img").count() == 0, "no picture, and no box in its place"
    assert "No pictures of this split" in page.inner_text("#errors-said")


def test_the_misclassified(page: Page, page_folder: Path) -> None:
    """Worst first, with pictures at 0.5; more on demand; by one method or any; another threshold, other units."""

    def units() -> list[int]:
        names = page.locator("#gallery > li strong").all_inner_texts()
        return [int(name.removeprefix("test ")) for name in names]

    wanted = worst_first(page_folder, ["erm", "cls_unbias"], [0, 1], 0.5)
    assert units() == wanted[:24]
    assert page.inner_text("#errors-said").startswith(f"{len(wanted)} of ")
    while page.is_visible("#more"):
        page.click("#more")
    assert units() == wanted
    assert page.locator("#gallery img").count() == len(wanted) > 24
    sizes = page.locator("#gallery img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert set(sizes) == {28}
    page.select_option("#wrong-by", "Cls-unbias")
    assert units() == worst_first(page_folder, ["cls_unbias"], [0, 1], 0.5)[:24]
    page.select_option("#seed", "1")
    page.fill("#threshold", "0.8")
    assert units() == worst_first(page_folder, ["cls_unbias"], [1], 0.8)[:24]
    first = units()[0]
    labels, prob = scores(page_folder, "cls_unbias", 1)
    truth = prob[first] if labels[first] else 1 - prob[first]
    assert f"{truth:.3f}" in page.locator("#gallery > li").first.inner_text()
    page.click("#reset")
    assert page.input_value("#threshold") == "0.5"
    assert units() == worst_first(page_folder, ["cls_unbias"], [1], 0.5)[:24]


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


def test_light_and_dark(browser: Any, page_folder: Path) -> None:
    """As the system says, until the button says otherwise, also after a reload; text is readable in each."""
    page, complaints = open_page(browser, page_folder / "page.html", color_scheme="dark")
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
def test_no_horizontal_overflow(browser: Any, page_folder: Path, width: int) -> None:
    """With everything opened; wide tables scroll within themselves, and by keyboard."""
    page, complaints = open_page(
        browser, page_folder / "page.html", viewport={"width": width, "height": 740}, has_touch=True
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
    assert page.locator("#ranking figure").count() == 5
    assert page.locator("#histograms polyline").count() == 3
    assert page.locator("#gallery > li strong").first.inner_text().startswith("S")
    assert page.locator("#gallery > li").count() > 0
    assert complaints == []
