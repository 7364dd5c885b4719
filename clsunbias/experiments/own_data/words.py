"""What ``clsunbias study`` says: what it understood, what it will do, and how long that takes."""

from rich.table import Table

from clsunbias.experiments.own_data.design import METHODS, RATES, Design, batch_of
from clsunbias.experiments.own_data.understanding import Understood
from clsunbias.terminal import console


def say_understood(understood: Understood) -> None:
    """Prints the kind of the data, its classes with their counts, and what else is known or to be looked at."""
    asked, patients = understood.asked, understood.patients
    screen = console()
    screen.print(f"{asked.path}: {understood.kind}, {len(understood.labels)} rows", soft_wrap=True, style="bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    counts = {"rows": understood.counts()}
    if patients is not None:
        counts[understood.whose] = understood.counts(patients)
    table.add_column(asked.label or "folder")
    for name in counts:
        table.add_column(name, justify="right")
    for at, name in enumerate(understood.classes):
        positive = " (positive)" if len(understood.classes) == 2 and at else ""
        table.add_row(f"{name}{positive}", *(str(one[name]) for one in counts.values()))
    screen.print(table)
    if patients is None:
        screen.print(
            "patients: each row stands alone (name their column with --patient if some are the same)", soft_wrap=True
        )
    for heading, text in understood.about.items():
        screen.print(f"{heading}: {text}", soft_wrap=True)
    for remark in understood.remarks:
        screen.print(f"note: {remark}", soft_wrap=True, style="yellow")


def say_design(understood: Understood, design: Design, jobs: int) -> None:
    """Prints what will be run, and how long it takes."""
    batch = batch_of(understood)
    search = f"learning rate chosen of {', '.join(f'{rate:g}' for rate in RATES[understood.kind])} on validation, "
    lines = [
        f"methods: {', '.join(METHODS.values())}",
        f"{design.folds} folds of {understood.whose}, parted {design.size.repeats} times: each is tested once in each",
        f"{search if design.size.rates > 1 else ''}{design.epochs} epochs a run"
        + (f", {batch} rows a batch" if batch else ""),
        f"{design.runs} runs of about {design.seconds:.1f} s: {in_words(design.minutes(jobs))} with {jobs} at once",
    ]
    for line in lines:
        console().print(line, soft_wrap=True)


def in_words(minutes: float) -> str:
    """A time as one says it."""
    return f"about {max(1, round(minutes))} min" if minutes < 100 else f"about {minutes / 60:.1f} hours"
