"""Entries of tables, and tables as each writer gives them."""

import subprocess
import sys

import pytest
from rich.console import Console

from clsunbias.experiments.report.html.rendering import cell, methods_of
from clsunbias.experiments.report.labels import definitions, metric_label
from clsunbias.experiments.report.sections import Entry, Label, Measured, Section, latex, markdown, terminal

SECTION = Section(
    "A table",
    ["", "50 % & more", "loss_gap"],
    [
        [Label("ERM", "published"), Measured(0.5, 0.04), "–"],
        [Label("ERM", "paper"), Measured(0.51249, 0.1, 0.01249, "worse"), "no data"],
        [Label("λ ≥ 1", "paper"), Measured(0.6, simulated=True), Measured(-0.0004, 0.2, -0.25, "better", True)],
        ["Data, ERM", Measured(0.75, mark="chosen"), "-0.1 − 0.2"],
    ],
)

MARKDOWN = """\
## A table

|  | 50 % & more | loss_gap |
| :-- | --: | --: |
| ERM, published | 0.500 ± 0.040 | – |
| ERM, paper | 0.512 ± 0.100 (+0.012) ▼ | no data |
| λ ≥ 1, paper | 0.600, simulated | -0.000 ± 0.200 (-0.250) ▲, simulated |
| Data, ERM | 0.750 ◀ | -0.1 − 0.2 |
"""

LATEX = r"""% A table
\begin{tabular}{lrr}
\toprule
 & 50 \% \& more & loss\_gap \\
\midrule
ERM, published & 0.500 $\pm$ 0.040 & -- \\
ERM, paper & 0.512 $\pm$ 0.100 (+0.012) $\blacktriangledown$ & no data \\
$\lambda$ $\geq$ 1, paper & 0.600, simulated & -0.000 $\pm$ 0.200 (-0.250) $\blacktriangle$, simulated \\
Data, ERM & 0.750 * & -0.1 $-$ 0.2 \\
\bottomrule
\end{tabular}
"""


def test_markdown_and_latex() -> None:
    """Every kind of entry, to the letter."""
    assert markdown(SECTION) == MARKDOWN
    assert latex(SECTION) == LATEX


def test_terminal() -> None:
    """Columns are whole or left out, that without data first; which, and where they are, is said."""
    assert [entry for row in SECTION.rows for entry in map(str, row) if entry not in shown(SECTION, 120)] == []
    said = shown(SECTION, 60)
    assert "No room in 60 columns for loss_gap: see mine.md." in said
    assert all(str(row[1]) in said and str(row[2]) not in said.replace("–", "") for row in SECTION.rows[1:])
    several = Section("A table", ["", *"abcd"], [["one", "wide" * 6, "no data", "wide" * 6, "narrow"]])
    assert [letter for letter in "abcd" if f" {letter}" in shown(several, 66).split("No room")[0]] == ["a", "c", "d"]
    assert [letter for letter in "abcd" if f" {letter}" in shown(several, 40).split("No room")[0]] == ["a"]
    assert "for b, c, d: see mine.md." in shown(several, 40)


def shown(section: Section, width: int) -> str:
    """What a terminal of a width shows."""
    console = Console(width=width)
    with console.capture() as captured:
        for part in terminal(section, width, "see mine.md"):
            console.print(part, soft_wrap=isinstance(part, str))
    assert "…" not in captured.get()
    assert all(len(line) <= width for line in captured.get().splitlines() if "No room" not in line)
    return captured.get()


@pytest.mark.parametrize(
    ("entry", "html"),
    [
        ("<b>", "&lt;b&gt;"),
        (Measured(0.5), "0.500"),
        (Measured(0.5, 0.04, 0.012), '0.500 ± 0.040<span class="difference"> (+0.012)</span>'),
        (
            Measured(0.5, mark="worse", simulated=True),
            '0.500 <span class="mark worse"><span aria-hidden="true">▼</span>'
            '<span class="hidden"> worse than A &amp; B</span></span>, simulated',
        ),
        (
            Measured(0.5, mark="chosen"),
            '0.500 <span class="mark chosen"><span aria-hidden="true">◀</span>'
            '<span class="hidden"> chosen</span></span>',
        ),
    ],
    ids=str,
)
def test_html(entry: Entry, html: str) -> None:
    """A mark is said in words, too; nothing in a label is taken for HTML."""
    assert cell(entry, "A & B") == html


def test_rows_by_method() -> None:
    """A method's rows stand together, method and protocol apart; a label with a comma is one label."""
    found = [(method, [protocol for protocol, _ in rows]) for method, rows in methods_of(SECTION)]
    assert found == [("ERM", ["published", "paper"]), ("λ ≥ 1", ["paper"]), ("Data, ERM", [""])]
    assert methods_of(SECTION)[1][1][0][1] == SECTION.rows[2][1:]


BREAST = ("malignant", "normal or benign")


@pytest.mark.parametrize(
    ("name", "classes", "label"),
    [
        ("test/macro_f1", BREAST, "macro-F1"),
        ("test_1/loss_gap", BREAST, "test 1 loss gap"),
        ("test/neg_f1", BREAST, "F1 (malignant)"),
        ("test/f1/malignant", BREAST, "F1 (malignant)"),
        ("val/pos_f1", BREAST, "val F1 (normal or benign, positive)"),
        ("test/loss_pos", BREAST, "loss (normal or benign, positive)"),
        ("test/neg_recall", BREAST, "sensitivity (malignant)"),
        ("test/recall/normal or benign", BREAST, "sensitivity (normal or benign, positive)"),
        ("test/pos_precision", BREAST, "PPV (normal or benign, positive)"),
        ("test/neg_f1", (), "F1 (negative)"),
        ("test/pos_f1", (), "F1 (positive)"),
        ("test/pos_recall", ("negative", "positive"), "sensitivity (positive)"),
        ("val/recall/no finding", (), "val sensitivity (no finding)"),
        ("test/f1/grade 2", ("grade 1", "grade 2", "grade 3"), "F1 (grade 2)"),
        ("test/f1/a/b", ("a/b", "c"), "F1 (a/b)"),
        ("test/balanced_accuracy", (), "balanced accuracy"),
        ("test/ece", (), "ECE"),
    ],
)
def test_labels_of_metrics(name: str, classes: tuple[str, ...], label: str) -> None:
    """A class goes by its own name, the second of two is marked; without names they are negative and positive."""
    assert metric_label(name, classes) == label


def test_sensitivity_and_ppv_are_defined() -> None:
    """By name and class, with what they are called from the other class's side; nothing else needs it."""
    assert definitions(["macro_f1", "neg_f1", "recall"], BREAST) == []
    assert " ".join(definitions(["neg_recall", "precision/normal or benign"], BREAST)) == (
        "Sensitivity of a class: the share of its units that are found (recall). Sensitivity (malignant) is the "
        "specificity for normal or benign, sensitivity (normal or benign) that for malignant. PPV of a class: the "
        "share of the units called so that are of it (precision). PPV (malignant) is the negative predictive value "
        "(NPV) for normal or benign, PPV (normal or benign) that for malignant."
    )
    assert len(definitions(["recall/a"], ("a", "b", "c"))) == 1, "of three classes there is no other side"


def test_a_report_needs_no_torch() -> None:
    """Nor does a model card need plots or templates: commands that only read start at once."""
    script = """
import sys
import clsunbias.experiments.report.model_card
assert not {"matplotlib", "jinja2", "torch"} & set(sys.modules), "model_card"
import clsunbias.experiments.report.plots, clsunbias.experiments.report.html.page
assert "torch" not in sys.modules, "report"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
