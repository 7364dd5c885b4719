"""Looks at a data set and finds out what kind it is."""

from pathlib import Path

import pandas as pd

from clsunbias.data.image_list import image_suffixes
from clsunbias.errors import InputError, listed
from clsunbias.experiments.own_data.images import understand_folder, understand_images
from clsunbias.experiments.own_data.recordings import understand_prepared, understand_recordings
from clsunbias.experiments.own_data.tables import understand_table
from clsunbias.experiments.own_data.understanding import Asked, Understood, read_asked
from clsunbias.speech.recordings import SUFFIXES

LOOKED_AT = 50
"""Cells of a column by which it is told whether it names files."""


def look(asked: Asked, out: Path) -> Understood:
    """What a CSV file or a folder is; what has to be prepared goes below ``out``.

    Raises:
        InputError: it is no data set that can be compared on, and why.
    """
    if asked.path.is_dir():
        if (asked.path / "manifest.csv").is_file():
            return understand_prepared(asked)
        if said := [name for name in (asked.label, asked.patient, *asked.attributes, *asked.ignore) if name]:
            raise InputError(
                f"{asked.path} is a folder, whose folders are its classes: it has no columns {listed(said)}; give a "
                "CSV file that lists its files, with such columns"
            )
        return understand_folder(asked, out / "data")
    if asked.path.name == "manifest.csv" and asked.path.with_name("summary.json").is_file():
        return understand_prepared(asked)
    if not asked.label:
        raise InputError("name the column of the class: --label COLUMN")
    frame, _ = read_asked(asked)
    named = path_columns(frame.drop(columns=list(asked.ignore)))
    if len(named) > 1:
        raise InputError(
            f"{asked.path} has several columns of files ({listed(named)}): leave out all but one (--ignore)"
        )
    for column, suffixes in named.items():
        if suffixes <= SUFFIXES:
            return understand_recordings(asked, column, out / "data")
        return understand_images(asked, column, out / "data")
    return understand_table(asked, out / "data")


def path_columns(frame: pd.DataFrame) -> dict[str, set[str]]:
    """Columns whose cells end as names of images or recordings do, and those ends."""
    found = {}
    for name, column in frame.items():
        ends = {Path(cell).suffix.lower() for cell in column.dropna().head(LOOKED_AT)}
        if ends and (ends <= SUFFIXES or ends <= image_suffixes()):
            found[str(name)] = ends
    return found
