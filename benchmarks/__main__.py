"""Runs the benchmarks named, or all, and prints their figures in one table.

Figures are ratios or process times of one run, never limits in a test: how fast a machine is, or what else it does,
says nothing about the suite.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import (
    audit_errors,
    audit_indices,
    audit_time,
    compare_coverage,
    compare_time,
    coverage,
    fold_coverage,
    gain_coverage,
    grid_time,
    help_time,
    image_loading,
    ranking_tests,
    replicas_time,
    report_time,
    retina_step,
    search_time,
    specification_null,
    speech_features,
    speech_training,
    step_costs,
    subgroup_gaps,
    table1_time,
    toy_step,
    wandb_time,
)
from benchmarks.timing import Row

BENCHMARKS: Mapping[str, Callable[[], Sequence[Row]]] = {
    "audit_errors": audit_errors.measure,
    "audit_indices": audit_indices.measure,
    "audit_time": audit_time.measure,
    "retina_step": retina_step.measure,
    "step_costs": step_costs.measure,
    "toy_step": toy_step.measure,
    "table1_time": table1_time.measure,
    "help_time": help_time.measure,
    "image_loading": image_loading.measure,
    "speech_features": speech_features.measure,
    "speech_training": speech_training.measure,
    "report_time": report_time.measure,
    "grid_time": grid_time.measure,
    "ranking_tests": ranking_tests.measure,
    "replicas_time": replicas_time.measure,
    "wandb_time": wandb_time.measure,
    "coverage": coverage.measure,
    "compare_time": compare_time.measure,
    "compare_coverage": compare_coverage.measure,
    "gain_coverage": gain_coverage.measure,
    "fold_coverage": fold_coverage.measure,
    "subgroup_gaps": subgroup_gaps.measure,
    "search_time": search_time.measure,
    "specification_null": specification_null.measure,
}


def main() -> None:
    """Measures, then prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the suite costs, and how far its intervals hold."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default all: {', '.join(BENCHMARKS)}")
    parser.add_argument("--threads", type=int, default=1, help="of torch, on both sides of a ratio; default 1")
    options = parser.parse_args()
    names = options.names
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    # One by default: on a machine with other work, threads that wait for each other drown what is measured.
    torch.set_num_threads(options.threads)
    table = Table("what", "figure", "target", title="ratios: median (least to largest) of paired runs", show_lines=True)
    for name in names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            table.add_row(row.what, row.figure, row.target)
    Console().print(table)


if __name__ == "__main__":
    main()
