"""``clsunbias prepare`` and ``clsunbias simulate``."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal

from clsunbias.errors import InputError
from clsunbias.parser import Parser
from clsunbias.speech.manifest import Corpus

ADAPTERS = {"daic_woz": "daic_woz", "modma": "modma", "adress": "adress", "voiced": "voiced", "manifest": "table"}
"""Module of each corpus; ``manifest`` takes a user's own."""


def prepare(options: list[str]) -> int:
    """Runs ``clsunbias prepare CORPUS`` with its options; returns the exit status."""
    corpora = ", ".join(ADAPTERS)
    if not options or options[0] in {"-h", "--help"}:
        print(f"usage: clsunbias prepare CORPUS --raw DIR --out DIR [OPTION ...]\n\nCORPUS is one of: {corpora}")
        return 0
    name = options[0]
    if name not in ADAPTERS:
        raise InputError(f"there is no corpus {name!r}; there are: {corpora} (manifest: a table of your own)")
    from clsunbias.data.splits import SplitPlan
    from clsunbias.speech.preparation import prepare as write
    from clsunbias.speech.preparation import show

    read: Callable[..., Corpus] = import_module(f"clsunbias.speech.{ADAPTERS[name]}").read
    parser = Parser(prog=f"clsunbias prepare {name}", description=(read.__doc__ or "").partition("\n")[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of the corpus as it came")
    parser.add_argument("--out", type=Path, required=True, help="where manifest.csv and summary.json go")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad recordings out, rather than stopping")
    parser.add_argument("--frame_rate", type=float, default=100.0, help="rows per second of .npy features")
    settings = parser.add_function_arguments(read, skip={"raw"})
    parser.add_class_arguments(SplitPlan, "split")
    chosen = parser.parse_args(options[1:])
    if not chosen.raw.is_dir():
        raise InputError(f"--raw {chosen.raw} is no folder")
    if chosen.frame_rate <= 0:
        raise InputError("--frame_rate must be above 0")
    corpus = read(chosen.raw, **{setting: chosen[setting] for setting in settings})
    plan = parser.instantiate_classes(chosen).split
    summary = write(corpus, chosen.out, plan, chosen.skip_bad, chosen.frame_rate)
    show(summary, name)
    print(f"manifest in {chosen.out / 'manifest.csv'}")
    return 0


def simulate(options: list[str]) -> int:
    """Runs ``clsunbias simulate CORPUS`` with its options; returns the exit status."""
    from clsunbias.speech.simulated import simulate as write

    parser = Parser(prog="clsunbias simulate", description="Write made-up recordings in a corpus's raw layout.")
    parser.add_argument("corpus", type=Literal["daic_woz", "modma", "adress"], help="whose layout")
    settings = parser.add_function_arguments(write, skip={"corpus"})
    chosen = parser.parse_args(options)
    write(chosen.corpus, **{setting: chosen[setting] for setting in settings})
    print(f"recordings in {chosen.out}; next: clsunbias prepare {chosen.corpus} --raw {chosen.out} --out DIR")
    return 0
