"""A specification curve as one self-contained page, on which choices can be taken away."""

from collections.abc import Sequence
from typing import Any

from clsunbias.experiments.analysis.comparison import results
from clsunbias.experiments.analysis.specifications import Curve, Summary, choices, curves, summary
from clsunbias.experiments.comparing.page import digits
from clsunbias.experiments.report.html.rendering import render
from clsunbias.experiments.report.labels import metric_label
from clsunbias.experiments.report.specifications import claim, curve_sections, less
from clsunbias.experiments.study import Study

SCRIPTS = ("theme", "looks", "scores", "views", "charts", "specifications")


def specification_page(study: Study) -> str:
    """The whole page of a study, whose runs are read anew."""
    scored, _, _ = results(study.name, study.grid, study.finished)
    found = curves(study.grid, scored)
    return page(study, found, [summary(study.name, curve) for curve in found])


def page(study: Study, found: Sequence[Curve], summaries: Sequence[Summary]) -> str:
    """The whole page."""
    grid = study.grid
    kinds = {arm.column: run.result["simulated"] for arm, runs in study.finished.items() for run in runs.values()}
    return render(
        "specifications.html.j2",
        SCRIPTS,
        records(study, found),
        title=grid.title,
        simulated=[grid.columns[name].label for name, simulated in kinds.items() if simulated],
        missing=study.missing,
        parts=curve_sections(grid, found, summaries),
        baseline=", ".join(grid.rows[name].label for name in grid.baselines),
        commands=study.commands or [f"clsunbias reproduce {study.name} --out results"],
        published=None,
    )


def records(study: Study, found: Sequence[Curve]) -> dict[str, Any]:
    """What the page's script draws: of each specification its difference, interval, and the steps that it takes."""
    taken = choices(study.grid, found)
    place = {pair: at for at, pair in enumerate((choice, step) for choice, steps in taken.items() for step in steps)}
    return {
        "methods": [],
        "choices": taken,
        "why": {choice: dict(steps) for one in study.grid.protocols.values() for choice, steps in one.why.items()},
        "claims": [
            {
                "title": claim(curve),
                "metric": metric_label(curve.metric),
                "lessIsBetter": less(curve.metric),
                "rows": rows(curve, place, taken),
            }
            for curve in found
        ],
    }


def rows(curve: Curve, place: dict[tuple[str, str], int], taken: dict[str, list[str]]) -> list[dict[str, Any]]:
    """A curve's specifications; a choice that it does not have stands as −1."""
    training = {name: at for at, name in enumerate(curve.trainings)}
    return [
        {
            "value": digits(one.difference),
            "low": digits(one.low),
            "high": digits(one.high),
            "steps": [place.get((choice, one.choices.get(choice, "")), -1) for choice in taken],
            "training": training[one.training],
        }
        for one in curve.specifications
    ]
