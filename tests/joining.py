"""Joins data sets that were run elsewhere to a published table: ``python -m tests.joining TABLE OUT``.

OUT is where ``clsunbias reproduce TABLE --columns …`` wrote them. Predictions of the data sets that are published are
not kept, nor do they have to be: each data set's figures are its own. What is of all of them, corrected p-values and
means, is worked out anew from what stands in the files. ``python -m tests.published`` derives pages and figures then.
"""

import gzip
import json
import sys
from pathlib import Path

import pandas as pd

from clsunbias.experiments.analysis import comparison
from clsunbias.experiments.analysis.comparison import Comparison
from clsunbias.experiments.analysis.overview import OverviewLine, pooled
from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.files import CONFIGS, write_csv
from tests.published import RESULTS, records_of


def joined(grid: Grid, by: list[str], old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Lines of both by some columns, in the order of the grid.

    Raises:
        ValueError: a data set is in both.
    """
    if both := {*old["column"]} & {*new["column"]}:
        raise ValueError(f"published already: {', '.join(sorted(both))}")
    order = [*grid.metrics, *grid.also, *(column.label for column in grid.columns.values())]
    made = pd.concat([old, new], ignore_index=True)
    return made.sort_values(by, key=lambda labels: labels.map(order.index), kind="stable", ignore_index=True)


def corrected(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Comparisons with p-values corrected for the number of all of a protocol and metric, and what may be said then."""
    made = comparisons.copy()
    for _, part in made[made["p"].notna()].groupby(["protocol", "metric"], sort=False):
        lines = [Comparison(*line) for line in part.itertuples(index=False)]
        found = pd.DataFrame(comparison.corrected(lines), index=part.index)
        made.loc[part.index, ["p_corrected", "verdict"]] = found[["p_corrected", "verdict"]]
    return made


def over_all(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The lines of each method as one, the best mean rank first."""
    by_row: dict[str, list[OverviewLine]] = {}
    for frame in (old, new):
        for line in frame.astype(object).where(frame.notna(), None).to_dict("records"):
            by_row.setdefault(line["row"], []).append(OverviewLine(**{str(name): one for name, one in line.items()}))
    lines = sorted((pooled(lines) for lines in by_row.values()), key=lambda line: line.ahead)
    return pd.DataFrame(lines, columns=OverviewLine._fields)


def join(grid: Grid, table: str, out: Path, results: Path) -> None:
    """Joins the data sets in one folder to a table in another, whose page is yet to be derived."""
    names = {part: f"{table}{part}.csv" for part in ("", "_comparisons", "_gains", "_overview", "_runs")}
    both = {part: [pd.read_csv(folder / name) for folder in (results, out)] for part, name in names.items()}
    made = {part: joined(grid, ["column"], *both[part]) for part in ("", "_gains")}
    made["_runs"] = pd.concat(both["_runs"])  # what is published of folds, whose records are of one each
    made["_comparisons"] = corrected(joined(grid, ["metric", "column"], *both["_comparisons"]))
    made["_overview"] = over_all(*both["_overview"])
    lines = [*records_of(table, results), *(out / f"{table}_records.jsonl").read_text().splitlines()]
    columns = list(grid.columns)
    lines.sort(key=lambda line: columns.index(Path(json.loads(line)["run"]).parts[1]))
    for part, frame in made.items():
        write_csv(results / names[part], frame)
    content, records = "".join(f"{line}\n" for line in lines).encode(), results / f"{table}_records.jsonl"
    if records.exists():
        records.write_bytes(content)
    else:
        Path(f"{records}.gz").write_bytes(gzip.compress(content, mtime=0))
    page = results / f"{table}.md"  # which says, too, what records do not
    page.write_text(page.read_text() + (out / page.name).read_text())


if __name__ == "__main__":
    join(load_grid(CONFIGS / "tables" / f"{sys.argv[1]}.yaml"), sys.argv[1], Path(sys.argv[2]), RESULTS)
