"""``clsunbias simulate``: made-up recordings in a speech corpus's raw layout."""

from typing import Literal

from clsunbias.parser import Parser
from clsunbias.speech.simulated import simulate


def main(options: list[str]) -> int:
    """Runs ``clsunbias simulate CORPUS`` with its options; returns the exit status."""
    parser = Parser(prog="clsunbias simulate", description="Write made-up recordings in a corpus's raw layout.")
    parser.add_argument("corpus", type=Literal["daic_woz", "modma", "adress"], help="whose layout")
    settings = parser.add_options_of(simulate, skip={"corpus"})
    chosen = parser.parse_args(options)
    simulate(chosen.corpus, **{setting: chosen[setting] for setting in settings})
    print(f"recordings in {chosen.out}; next: clsunbias prepare {chosen.corpus} --raw {chosen.out} --out DIR")
    return 0
