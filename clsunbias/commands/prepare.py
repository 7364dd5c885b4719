"""``clsunbias prepare``: a speech corpus as it came becomes a manifest of who speaks where."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from clsunbias.errors import InputError
from clsunbias.parser import Parser
from clsunbias.yaml_files import check_section_files

if TYPE_CHECKING:
    from clsunbias.speech.manifest import Corpus

ADAPTERS = {name: name for name in ("daic_woz", "modma", "adress", "voiced")} | {"manifest": "own_recordings"}
"""Module that reads each corpus; ``manifest`` takes a user's own."""


def main(options: list[str]) -> int:
    """Runs ``clsunbias prepare CORPUS`` with its options; returns the exit status."""
    corpora = ", ".join(ADAPTERS)
    if not options or options[0] in {"-h", "--help"}:
        print(f"usage: clsunbias prepare CORPUS --raw DIR --out DIR [OPTION ...]\n\nCORPUS is one of: {corpora}")
        return 0
    name = options[0]
    if name not in ADAPTERS:
        raise InputError(f"there is no corpus {name!r}; there are: {corpora} (manifest: a table of your own)")
    from clsunbias.splits import SplitPlan  # which brings pandas, as all that follows does

    check_section_files(options)
    read: Callable[..., Corpus] = import_module(f"clsunbias.speech.{ADAPTERS[name]}").read
    parser = Parser(prog=f"clsunbias prepare {name}", description=(read.__doc__ or "").partition("\n")[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of the corpus as it came")
    parser.add_argument("--out", type=Path, required=True, help="where manifest.csv and summary.json go")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad recordings out, rather than stopping")
    parser.add_argument("--frame-rate", type=float, default=100.0, help="rows per second of .npy features")
    settings = parser.add_options_of(read, skip={"raw"})
    parser.add_class_arguments(SplitPlan, "split")
    chosen = parser.parse_args(options[1:])
    if not chosen.raw.is_dir():
        raise InputError(f"--raw {chosen.raw} is no folder")
    if chosen.frame_rate <= 0:
        raise InputError("--frame-rate must be above 0")
    from clsunbias.speech.preparation import prepare, show

    corpus = read(chosen.raw, **{setting: chosen[setting] for setting in settings})
    plan = parser.instantiate_classes(chosen).split
    summary = prepare(corpus, chosen.out, plan, chosen.skip_bad, chosen.frame_rate)
    show(summary, name)
    print(f"manifest in {chosen.out / 'manifest.csv'}")
    return 0
