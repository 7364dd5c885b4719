"""The published results read back from their records and CSV files; run as a module, it derives their pages anew.

Intervals and p-values came from predictions that are not kept: they are read off the published files, and go the same
way from there as when they are fresh. Contrasts need the draws themselves: their lines stay as they are.
"""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.comparison import Comparison, compared
from clsunbias.experiments.analysis.folds import seal
from clsunbias.experiments.analysis.gains import GainLine
from clsunbias.experiments.analysis.overview import OverviewLine, ranked
from clsunbias.experiments.analysis.scores import Scored, run_lines
from clsunbias.experiments.grid import Grid, load_grid, narrow
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.build import CONTRASTS_TITLE, parts, search_sections
from clsunbias.experiments.report.gains import gain_sections
from clsunbias.experiments.report.labels import class_names, metric_label
from clsunbias.experiments.report.notes import Classes, synthetic_rows
from clsunbias.experiments.report.overview import draw_overview, overview_sections
from clsunbias.experiments.report.plots import draw_dots, draw_gains
from clsunbias.experiments.report.sections import write_table
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.search import choose, search_scores
from clsunbias.experiments.simulation import simulated_part
from clsunbias.files import CONFIGS, check_seal, write_csv
from tests.cards import METHODS, with_measured

RESULTS = Path(__file__).parents[1] / "docs" / "results"
TABLES = sorted(path.name.partition("_comparisons.csv")[0] for path in RESULTS.glob("*_comparisons.csv"))

CONTRASTS = re.compile(r"\n## Contrasts.*?(?=\n## |\Z)", re.DOTALL)


class Published(NamedTuple):
    """A published table: its grid, its finished runs and a search's, in the order in which they were reported."""

    grid: Grid
    finished: Mapping[Arm, Mapping[int, Record]]
    searched: Mapping[Arm, list[Record | None]]

    def arm(self, line: Mapping[str, Any], row: str = "row") -> Arm:
        """Whose line of a CSV file it is."""
        labels = line["protocol"], line["column"], line[row]
        for arm in self.finished:
            grid = self.grid
            named = grid.protocols[arm.protocol].label, grid.columns[arm.column].label, grid.rows[arm.row].label
            if named == labels:
                return arm
        raise KeyError(labels)


def records_of(table: str, results: Path = RESULTS) -> list[str]:
    """Lines of a table's records; those of a large one are compressed."""
    path = results / f"{table}_records.jsonl"
    return path.read_text().splitlines() if path.exists() else gzip.open(f"{path}.gz", "rt").read().splitlines()


def published(table: str) -> Published:
    """Reads the records of a table."""
    grid = load_grid(CONFIGS / "tables" / f"{table.removesuffix('_simulated')}.yaml")
    grid = simulated_part(grid) if table.endswith("_simulated") else grid
    finished: dict[Arm, dict[int, Record]] = {}
    searched: dict[Arm, list[Record | None]] = {}
    folds: dict[Arm, dict[int, list[Record]]] = {}
    for line in records_of(table):
        result = json.loads(line)
        folder = Path(result.pop("run"))
        result.pop("ended_after_seeds", None)
        check_seal(result)
        protocol, column, row, *setting, seed = folder.parts
        if row in grid.stages:
            continue
        arm = Arm(protocol, column, row, "".join(setting), Run(folder.parent, ()))
        if grid.protocols[protocol].folds:
            repeat = int(seed.partition(",")[0])
            folds.setdefault(arm, {}).setdefault(repeat, []).append(Record(folder, result))
        elif "test" in result:
            finished.setdefault(arm, {})[int(seed)] = Record(folder, result)
        else:
            searched.setdefault(arm, []).append(Record(folder, result))
    finished |= pooled(table, folds)
    if grid.ranked:  # whose data sets come one by one
        grid = narrow(grid, [name for name in grid.columns if any(arm.column == name for arm in finished)], None, None)
    # A first stage that another method starts from may be of a setting that the search did not choose.
    chosen = {*choose(grid, search_scores(grid, searched))}
    finished = {arm: runs for arm, runs in finished.items() if not grid.protocols[arm.protocol].search or arm in chosen}
    return Published(grid, finished, searched)


def pooled(table: str, folds: Mapping[Arm, Mapping[int, Sequence[Record]]]) -> dict[Arm, dict[int, Record]]:
    """Partings, each of whose folds is a record, as the runs that are published of them: predictions are not kept."""
    lines = lines_of(f"{table}_runs.csv") if folds else []
    by_run = {(line["protocol"], line["column"], line["row"], line["seed"]): line for line in lines}
    made: dict[Arm, dict[int, Record]] = {}
    for arm, by_repeat in folds.items():
        for repeat, records in by_repeat.items():
            line = by_run[arm.protocol, arm.column, arm.row, repeat]
            assert line["record_sha256"] == seal(records)
            figures = {
                split: {
                    name.removeprefix(f"{split}/"): value
                    for name, value in line.items()
                    if name.startswith(f"{split}/") and value is not None
                }
                for split in ("val", "test")
            }
            sizes, right = zip(
                *((one.result["units"]["test"], one.result["test"]["accuracy"]) for one in records), strict=True
            )
            assert np.isclose(figures["test"]["accuracy"], np.average(right, weights=sizes), atol=1e-6)
            own = {name: line[name] for name in ("step", "selection", "simulated", "config_sha256", "record_sha256")}
            made.setdefault(arm, {})[repeat] = Record(records[0].folder, {**records[0].result, **own, **figures})
    return made


def lines_of(name: str) -> list[dict[str, Any]]:
    """Lines of a published CSV file, as they were written; None where there is nothing."""
    frame = pd.read_csv(RESULTS / name)
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(field): value for field, value in line.items()} for line in found]


def step_costs() -> dict[str, float]:
    """Of each overlay, a training step's processor time over one of ERM, as it was last measured."""
    return {str(line["overlay"]): float(line["ratio"]) for line in lines_of("step_costs.csv")}


def classes(grid: Grid, finished: Mapping[Arm, Mapping[int, Record]], page: str) -> Classes:
    """What records say of classes: one is never predicted where no unit of it is found, and of two all of the other."""
    names, unpredicted = {}, {}
    for arm, records in finished.items():
        results = [record.result for record in records.values()]
        if "class_names" in results[0] or arm.column not in names:  # older records have none
            names[arm.column] = class_names(results[0])
        if "neg_recall" in results[0]["test"]:
            recalls = np.array([[result["test"][f"{side}_recall"] for side in ("neg", "pos")] for result in results])
            alone = (recalls == 0) & (recalls[:, ::-1] == 1)
            unpredicted[arm, "test"] = [int(count) for count in alone.sum(0)]
        else:  # of more classes records do not tell it: what the page notes is taken
            labels = grid.columns[arm.column].label, grid.rows[arm.row].label, grid.protocols[arm.protocol].label
            said = {
                str(name): re.search(re.escape(f"{', '.join(labels)} never predicts {name} in ") + r"(\d+)", page)
                for name in names[arm.column]
            }
            unpredicted[arm, "test"] = [int(found[1]) if found else 0 for found in said.values()]
    scored = [Scored(arm, records, {}) for arm, records in finished.items()]
    return Classes(names, unpredicted, {one.arm: made for one in scored if (made := synthetic_rows(one))})


def derive(table: str, out: Path) -> None:
    """Writes the files of a table into a folder as they follow from what is published; its page without contrasts."""
    found = published(table)
    grid, finished, searched = found
    known = classes(grid, finished, (RESULTS / f"{table}.md").read_text())
    cells = {(found.arm(line), line["metric"]): Cell(**line) for line in lines_of(f"{table}.csv")}
    comparisons = {
        (found.arm(line), found.arm(line, "baseline"), line["metric"]): Comparison(**line)
        for line in lines_of(f"{table}_comparisons.csv")
    }
    gains = RESULTS / f"{table}_gains.csv"
    split = [GainLine(**line) for line in lines_of(gains.name)] if gains.exists() else []
    over_all = RESULTS / f"{table}_overview.csv"
    overview = [OverviewLine(**line) for line in lines_of(over_all.name)] if over_all.exists() else []
    first = {arm: cell.value for (arm, name), cell in cells.items() if name == grid.metrics[0]}
    scores = search_scores(grid, searched)
    assert set(choose(grid, scores)) <= set(finished)
    tested = ranked(grid, first) if overview else None
    absent = [name for name in grid.columns if not any(arm.column == name for arm in finished)]
    made = [
        *overview_sections(grid, overview, tested),
        *parts(grid, list(grid.columns), absent, cells, comparisons, known),
        *gain_sections(split),
        *search_sections(grid, scores, {}),
    ]
    runs = run_lines([Scored(arm, records, {}) for arm, records in finished.items()])
    write_table(out, table, grid.title, list(cells.values()), runs, made)
    write_csv(out / f"{table}_comparisons.csv", pd.DataFrame(comparisons.values(), columns=Comparison._fields))
    if split:
        write_csv(out / gains.name, pd.DataFrame(split, columns=GainLine._fields))
    if overview:
        write_csv(out / over_all.name, pd.DataFrame(overview, columns=OverviewLine._fields))
        draw_overview(out / f"{table}_overview", grid, overview, tested, split)
    draw_dots(out / table, grid, grid.metrics[0], cells, known)
    if split:
        draw_gains(out / f"{table}_gains", grid, split, any(cell.simulated for cell in cells.values()))


def main() -> None:
    """Derives the pages and plots of all published tables, with the lines of their contrasts as they stand."""
    for table in TABLES:
        page, (grid, finished, _) = RESULTS / f"{table}.md", published(table)
        old, known = CONTRASTS.search(page.read_text()), classes(grid, finished, page.read_text())
        derive(table, RESULTS)
        (RESULTS / f"{table}.tex").unlink()
        if old:
            _, *lines = old[0].strip("\n").split("\n")
            shared = known.shared(list(known.names))
            header = " | ".join(metric_label(name, shared) for name in compared(grid))
            lines[1] = f"|  | {header} |"
            head, search, rest = page.read_text().partition("\n## The search")
            page.write_text("\n".join([head, f"## {CONTRASTS_TITLE}", *lines]) + "\n" + search + rest)
    measured = [OverviewLine(**line) for line in lines_of("methods_overview.csv")]
    METHODS.write_text(with_measured(METHODS.read_text(), measured, step_costs()))


if __name__ == "__main__":
    main()
