"""What is printed: texts as they are. Names of classes and folders may hold what rich would take for markup."""

from rich.console import Console


def console(stderr: bool = False) -> Console:
    """The terminal, on which nothing is interpreted: no markup, no emoji, no highlighting."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Prints what a command has found, a line that is not cut."""
    console().print(text, soft_wrap=True)


def note(text: str) -> None:
    """Prints on the standard error stream what is worth knowing on the way."""
    console(stderr=True).print(text, soft_wrap=True)


def warn(text: str) -> None:
    """Says, in one line, what a reader should know of an input that is taken."""
    note(f"clsunbias: warning: {text}")
