"""``clsunbias decide``: a decision rule for a finished run, chosen on its validation scores without retraining."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsunbias.decisions.rules import find_rule, known_rules, required
from clsunbias.errors import InputError
from clsunbias.files import sha256_of, write_text
from clsunbias.parser import Parser
from clsunbias.terminal import console, say

if TYPE_CHECKING:
    from clsunbias.experiments.attributes import Attributes

WIDTH = 80


def main(options: list[str]) -> int:
    """Runs ``clsunbias decide`` with its options; returns the exit status."""
    parser = Parser(
        prog="clsunbias decide",
        description="Choose a decision rule on a run's validation scores, and show what it changes. No retraining.",
        epilog=f"rules: {', '.join(known_rules())}; or the import path of your own. "
        "clsunbias decide --rule NAME --help lists a rule's options.",
    )
    parser.add_argument(
        "run", type=Path, help="folder of a run; for rules on an ensemble, the one above several seeds'"
    )
    parser.add_argument("--rule", type=str, required=True, help="name of a rule")
    parser.add_argument("--attributes", type=Path | None, help="CSV file with a line a unit: unit, and attributes")
    parser.add_argument("--group", type=str | None, help="the attribute that group_thresholds goes by")
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    peek.add_argument("--rule")
    name = peek.parse_known_args(options)[0].rule
    rule = find_rule(name) if name else None
    own = parser.add_class_arguments(rule, as_group=False) if rule else []
    named = {option.partition("=")[0] for option in options}
    lacking = {f"--{one.replace('_', '-')}" for one in required(rule)} - named if rule else set()
    if lacking and not named & {"-h", "--help"}:
        raise InputError(f"the rule {name} must be given {' and '.join(sorted(lacking))}")
    chosen = parser.parse_args([as_list(option) for option in options])
    assert rule is not None
    from clsunbias.experiments.deciding import decide, decisions_of, read_given, write_decision  # slow to import
    from clsunbias.experiments.report.decision_part import card_with_decisions, split_sections, value_section
    from clsunbias.experiments.report.sections import terminal

    arguments: dict[str, Any] = {name: chosen[name] for name in own}
    made = rule(**arguments)
    attributes = attributes_of(chosen.attributes, chosen.group)
    given = read_given(chosen.run, rule, attributes)
    about = {"group": chosen.group, "attributes_sha256": sha256_of(attributes.path)} if attributes else {}
    record = decide(given, made, arguments, about)
    path = write_decision(chosen.run, record)
    card = chosen.run / "MODEL_CARD.md"
    if card.is_file():
        write_text(card, card_with_decisions(card.read_text(encoding="utf-8"), decisions_of(chosen.run)))
    screen = console()
    screen.width = min(WIDTH, screen.width)
    for section in (value_section(record), *split_sections(record)):
        for shown in terminal(section, screen.width, f"see {card if card.is_file() else path}"):
            screen.print(shown)
    if not record["decided"]:
        say("The run has scored no other split than validation: nothing to apply the rule to.")
    say(f"decision in {path}")
    return 0


def as_list(option: str) -> str:
    """An option's value with commas as the list that it is: ``1,5`` is ``[1,5]``."""
    before, _, value = option.rpartition("=") if option.startswith("--") else ("", "", option)
    numbers = value.split(",")
    if len(numbers) < 2 or not all(is_number(one) for one in numbers):
        return option
    return f"{before}=[{value}]" if before else f"[{value}]"


def is_number(text: str) -> bool:
    """Whether a text is one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def attributes_of(path: Path | None, column: str | None) -> "Attributes | None":
    """What is asked for of attributes; InputError if only half of it is."""
    from clsunbias.experiments.attributes import Attributes

    if (path is None) != (column is None):
        raise InputError("--group COLUMN and --attributes FILE go together: the file has the column and unit")
    return Attributes(path, column) if path and column else None
