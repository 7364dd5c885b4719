"""What is drawn: marks told apart by shape, bands and axes within bounds, captions that are true."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from clsunbias.experiments.analysis.comparison import results
from clsunbias.experiments.analysis.gains import GainLine
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.paper import toy_figures
from clsunbias.experiments.plan import arms, runs_of
from clsunbias.experiments.report import plots
from clsunbias.experiments.report.labels import COLOURS, MARKERS
from clsunbias.experiments.report.notes import classes_of
from clsunbias.experiments.running.run import Record
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What would be saved."""
    figures: list[Figure] = []
    for module in (plots, toy_figures):
        monkeypatch.setattr(module, "save", lambda figure, path: figures.append(figure))
    return figures


def texts(figure: Figure) -> str:
    """Titles, labels and the legend of a figure."""
    axes = [text for one in figure.axes for text in (one.get_title(), one.get_xlabel())]
    legend = [text.get_text() for one in figure.legends for text in one.get_texts()]
    return " | ".join([figure.get_suptitle(), *axes, *legend])


@pytest.mark.parametrize(("seeds", "said"), [(4, "macro-F1: mean over seeds, 95 % interval"), (2, "too few for an")])
def test_dots(tmp_path: Path, drawn: list[Figure], seeds: int, said: str) -> None:
    """A shape for each protocol; the axis says whether there are intervals, the legend how many seeds."""
    column = {**TOY_COLUMN, "configs": dict.fromkeys(("paper", "long"), "toy_balanced.yaml")}
    protocols = {"paper": {"seeds": seeds}, "long": {"label": "longer", "seeds": seeds, "first_seed": 9}}
    path = write_made_up_grid(tmp_path, {"toy": column}, {"toy": SPEAKERS}, protocols=protocols)
    grid = load_grid(path)
    planned = arms(grid, ["toy"], ["paper", "long"], tmp_path / "out" / "runs" / "toy", tmp_path)
    finished = {
        arm: {seed: record for seed, run in runs_of(grid, arm).items() if (record := run.record())} for arm in planned
    }
    scored, cells, _ = results("toy", grid, finished)
    plots.draw_dots(tmp_path / "toy", grid, "test/macro_f1", cells, classes_of(scored))
    axes = drawn[0].axes[0]
    looks = {(line.get_marker(), to_hex(line.get_color())) for line in axes.lines if line.get_marker() != "None"}
    assert looks == {(marker, colour.lower()) for marker, colour in zip(MARKERS[:2], COLOURS[:2], strict=True)}
    assert said in texts(drawn[0])
    assert f"longer ({seeds} seeds)" in texts(drawn[0])
    low, high = axes.get_xlim()
    assert (low > -0.1, high < 1.1) == (True, True)


def test_curves(tmp_path: Path, drawn: list[Figure]) -> None:
    """Bands end at 0, losses go by the names of their classes, and the caption says what and how many."""
    records = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        names = [f"train/{name}" for name in ("loss_gap", "loss_pos", "loss_neg")] + ["val/loss", "val/macro_f1"]
        values = {name: [0.01 + seed, 0.02, 0.03 * seed] for name in names}
        pd.DataFrame({"step": [1, 2, 3], **values}).to_csv(folder / "metrics.csv", index=False)
        records.append(Record(folder, {"class_names": ["malignant", "benign"]}))
    plots.draw_curves(tmp_path / "figure", "Figure 9", {"ERM": records, "Other": records[:2]})
    for axes in drawn[0].axes:
        assert all(np.asarray(band.get_paths()[0].vertices)[:, 1].min() >= 0 for band in axes.collections)
    legend = drawn[0].axes[1].get_legend()
    assert legend is not None
    assert "ERM: loss (benign, positive)" in [text.get_text() for text in legend.get_texts()]
    assert "mean over 2 or 3 seeds, and a standard deviation on either side" in texts(drawn[0])
    assert len({line.get_marker() for line in drawn[0].axes[0].lines}) == 2


def test_the_toy(drawn: list[Figure], tmp_path: Path) -> None:
    """Lines that lie on each other are both seen, and the best boundary by the shared feature is there."""
    same = torch.tensor([1.0, -0.5, 0.0])
    toy_figures.draw_toy(tmp_path / "figure1", "toy_balanced", dict.fromkeys(toy_figures.LINES, same))
    lines = [line for line in drawn[0].axes[0].lines if line.get_marker() == "None"]
    looks = [(line.get_linewidth(), line.get_linestyle(), to_hex(line.get_color())) for line in lines]
    assert len(set(looks)) == len(looks) == 5
    widths = [line.get_linewidth() for line in lines[1:]]
    assert widths == sorted(widths, reverse=True), "narrow ones on top"
    assert np.asarray(lines[0].get_xdata()).tolist() == [1.5, 1.5]
    assert "the best by f1 alone (f1 = 1.5)" in texts(drawn[0])
    assert "the paper's seeds" in texts(drawn[0])


def test_gains(tmp_path: Path, drawn: list[Figure]) -> None:
    """A panel for each data set and protocol, a line of three parts for each method; what was not run is left out."""
    runs = [("Breast", "plain", "LDAM"), ("Breast", "plain", "Focal"), ("Voices", "tuned", "LDAM")]
    values = {"gain": 0.05, "ranking": 0.01, "threshold": 0.04, "auroc": 0.2}
    lines = [
        GainLine("t", protocol, column, "test", row, "ERM", part, value, value - 0.02, value + 0.03, 5)
        for column, protocol, row in runs
        for part, value in values.items()
    ]
    grid = load_grid(write_made_up_grid(tmp_path, {"toy": TOY_COLUMN}, {"toy": SPEAKERS}))
    plots.draw_gains(tmp_path / "gains", grid, lines, simulated=True)
    panels = {axes.get_title(): axes for axes in drawn[0].axes if axes.get_visible()}
    assert list(panels) == ["Breast, plain", "Voices, tuned"]
    dots = [line for line in panels["Breast, plain"].lines if line.get_marker() != "None"]
    assert sorted(float(np.asarray(dot.get_xdata()).item()) for dot in dots) == [0.01, 0.01, 0.04, 0.04, 0.05, 0.05]
    assert "Gain in macro-F1 over ERM" in texts(drawn[0])
    assert "SIMULATED" in [text.get_text() for text in drawn[0].texts]
