"""``clsunbias compare``: methods against a baseline by what they predict, of our runs or of anyone's."""

import shlex
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.files import check_out
from clsunbias.parser import Parser


def main(options: list[str]) -> int:
    """Runs ``clsunbias compare`` with its options; returns the exit status."""
    parser = Parser(prog="clsunbias compare", description="Compare what methods predict on the same test units.")
    parser.add_argument("baseline", type=Path, help="a run folder, a folder of runs by seed, or a CSV of predictions")
    parser.add_argument("others", type=Path, nargs="+", help="the same of the methods that are compared with it")
    parser.add_argument("--unit", type=str | None, help="column of what counts as one unit, whose rows are merged")
    parser.add_argument("--difference", type=float | None, help="a true difference to ask after; default the one seen")
    parser.add_argument(
        "--thresholds",
        type=str,
        default="0.05,0.5",
        metavar="LOW,HIGH",
        help="from which to which probability a net benefit is of interest",
    )
    parser.add_argument("--out", type=Path | None, help="folder for comparison.html, comparison.md and the CSV files")
    chosen = parser.parse_args(options)
    if chosen.difference is not None and not 0 < chosen.difference < 1:
        raise InputError(f"--difference must lie between 0 and 1, got {chosen.difference:g}")
    thresholds = range_of(chosen.thresholds)
    if chosen.out:
        check_out(chosen.out)
    from clsunbias.experiments.comparing.judging import judge  # slow to import, as help need not be
    from clsunbias.experiments.comparing.pairing import paired
    from clsunbias.experiments.comparing.reading import read
    from clsunbias.experiments.comparing.writing import report

    predictions = [read(source.expanduser(), chosen.unit) for source in (chosen.baseline, *chosen.others)]
    judged = judge(paired(predictions), chosen.difference, thresholds=thresholds)
    report(judged, chosen.out, shlex.join(["clsunbias", "compare", *options]))
    return 0


def range_of(text: str) -> tuple[float, ...]:
    """The thresholds of ``LOW,HIGH``; InputError if that is no range within (0, 1)."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--thresholds takes two numbers, LOW,HIGH, such as 0.05,0.5; got {text!r}") from error
    from clsunbias.experiments.analysis.use import thresholds_of

    try:
        return thresholds_of(low, high)
    except InputError as error:
        raise InputError(f"--thresholds {text}: {error}") from error
