"""``clsunbias audit``: whether a model leans on features that tell about one class more than about another."""

import shlex
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.files import check_out
from clsunbias.parser import Parser


def main(options: list[str]) -> int:
    """Runs ``clsunbias audit`` with its options; returns the exit status."""
    parser = Parser(
        prog="clsunbias audit",
        description="Find out whether a model leans on features that tell about one class more than about another.",
        epilog="Of a model that is not at hand, give --predictions and --features in place of run folders: then what "
        "is said is of data and losses alone.",
    )
    parser.add_argument("runs", type=Path, nargs="*", help="folders of finished runs; the first is the baseline")
    parser.add_argument(
        "--predictions", type=Path | None, help="CSV file: unit, label, probabilities, split if need be"
    )
    parser.add_argument("--features", type=Path | None, help="CSV file: unit, split if need be, a column a feature")
    parser.add_argument("--split", type=str | None, help="which is audited; default test, else val")
    parser.add_argument("--parts", type=str | None, help="columns or other parts to look at, with commas; default all")
    parser.add_argument("--ignore", type=str | None, help="columns of --features that are none, with commas")
    parser.add_argument("--attributes", type=Path | None, help="CSV file: unit, split if need be, and attributes")
    parser.add_argument("--by", type=str | None, help="attributes to look at, with commas; default the data set's own")
    parser.add_argument("--compressed", action="store_true", help="also count decisions that turn in float16 and int8")
    parser.add_argument("--out", type=Path | None, help="folder for audit.html, audit.md, audit.json and CSV files")
    chosen = parser.parse_args(options)
    check(chosen.runs, chosen.predictions, chosen.features, chosen.attributes, chosen.by, chosen.compressed)
    if chosen.out:
        check_out(chosen.out)
    from clsunbias.audit.writing import report  # slow to import, as help need not be

    if chosen.predictions:
        from clsunbias.audit.files import audit_files  # without torch

        audits = [audit_files(chosen.predictions, chosen.features, chosen.split, words(chosen.ignore))]
    else:
        from clsunbias.audit.runs import audit_run
        from clsunbias.experiments.attributes import asked_grouping

        by = asked_grouping(chosen.runs[0].expanduser(), chosen.attributes, chosen.by)
        folders = [folder.expanduser() for folder in chosen.runs]
        audits = [audit_run(folder, chosen.split, words(chosen.parts), by, chosen.compressed) for folder in folders]
    report(audits, chosen.out, shlex.join(["clsunbias", "audit", *options]))
    return 0


def check(
    runs: list[Path],
    predictions: Path | None,
    features: Path | None,
    attributes: Path | None,
    by: str | None,
    compressed: bool,
) -> None:
    """Raises InputError if options do not go together."""
    if bool(runs) == bool(predictions):
        raise InputError("clsunbias audit takes run folders, or --predictions FILE of a model that is not at hand")
    if predictions and compressed:
        raise InputError("--compressed goes with run folders; the model is not at hand")
    if features and not predictions:
        raise InputError("--features goes with --predictions; a run is audited on its own data")
    if predictions and (attributes or by):
        raise InputError("--attributes and --by go with run folders; give an attribute as a column of --features")


def words(text: str | None) -> list[str]:
    """What stands between commas."""
    return [word.strip() for word in text.split(",") if word.strip()] if text else []
