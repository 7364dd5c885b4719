"""The report's page in a real Chromium: its figures and curves are those that scikit-learn makes of the same scores."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from clsunbias.experiments.analysis.curves import COVERAGES, risk_samples
from clsunbias.experiments.analysis.use import THRESHOLDS, net_benefit
from tests.browser import METHODS, Page, close, expected, points_of, rows_of, scores, shown

CURVES = ["ROC", "Precision and recall", "Reliability", "Net benefit", "Risk and coverage"]
"""Of what scores rank and are good for."""


@pytest.mark.parametrize("threshold", [0.5, 0.0, 0.3, 0.735, 1.0])
def test_figures_at_a_threshold_are_scikit_learns(page: Page, page_folder: Path, threshold: float) -> None:
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
                runs = [scores(page_folder, row, seed, split) for seed in seeds]
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


LOSSES = ("loss_neg", "loss_pos")


def logged(page_folder: Path, row: str, seed: int) -> pd.DataFrame:
    """What a run of the page logged."""
    return pd.read_csv(page_folder / "out" / "runs" / "toy" / "paper" / "retina" / row / str(seed) / "metrics.csv")


def test_class_losses(page: Page, page_folder: Path) -> None:
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
            losses = np.stack(
                [logged(page_folder, row, seed)[[f"{phase}/{name}" for name in LOSSES]] for seed in seeds]
            )
            gap = np.abs(losses[:, :, 0] - losses[:, :, 1])
            wanted = [*losses.mean(0)[-1], gap.mean(0)[-1]]
            *ends, since = rows_of(page, "#curve-ends")[method]
            assert [float(text.split(" ± ")[0]) for text in ends] == pytest.approx(wanted, rel=6e-3)
            assert ("±" in "".join(ends)) == (len(seeds) > 1)
            frames = [logged(page_folder, row, seed) for seed in (0, 1)]
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


def test_scores(page: Page, page_folder: Path) -> None:
    """ROC and precision–recall curves pass where scikit-learn's do; histograms count the same units."""
    page.select_option("#seed", "1")
    for at, side in ((1, "grade ≥ 2, positive"), (0, "grade < 2")):
        page.select_option("#of", label=side)
        titles = page.locator("#ranking figcaption").all_inner_texts()
        assert [title.partition(":")[0] for title in titles] == CURVES
        drawn, counted = [], []
        for method, row in METHODS.items():
            labels, prob = scores(page_folder, row, 1)
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
    check_use(page, page_folder)
    labels, prob = scores(page_folder, "erm", 1)
    dot = page.locator("#ranking figure").first.locator("circle").first
    assert (float(dot.get_attribute("cx") or 0) - 44) / 306 == pytest.approx(
        (prob <= 0.7)[labels == 1].mean(), abs=0.01
    )


def check_use(page: Page, page_folder: Path) -> None:
    """Net benefit of the first class and risk over coverage pass where Python's do, each as a share of the highest."""
    benefit, risk = (page.locator("#ranking figure").nth(at) for at in (3, 4))
    drawn: dict[str, list[np.ndarray]] = {"benefit": [], "risk": []}
    wanted: dict[str, list[np.ndarray]] = {"benefit": [], "risk": []}
    for method, row in METHODS.items():
        labels, prob = scores(page_folder, row, 1)
        both = np.stack([1 - prob, prob], axis=1)
        drawn["benefit"].append(points_of(benefit, method)[1])
        wanted["benefit"].append(net_benefit(both[:, 0].astype(float), labels == 0, THRESHOLDS))
        drawn["risk"].append(points_of(risk, method)[1])
        samples = risk_samples(both[np.newaxis].astype(float), labels.astype(int))
        wanted["risk"].append(np.array([one.values[0] for one in samples]))
        assert len(drawn["risk"][-1]) == len(COVERAGES)
    top = max(float(np.max(wanted["benefit"])), 0.01)
    expected_height = (np.clip(wanted["benefit"], -0.15 * top, top) + 0.15 * top) / (1.15 * top)
    np.testing.assert_allclose(drawn["benefit"], expected_height, atol=0.02)
    np.testing.assert_allclose(drawn["risk"], np.array(wanted["risk"]) / np.max(wanted["risk"]), atol=0.02)
