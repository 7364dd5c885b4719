"""What a report says of a data set beyond its records: names of classes and units, pictures, licence."""

import base64
import inspect
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from clsunbias.errors import InputError
from clsunbias.experiments.running.config import load_yaml
from clsunbias.experiments.running.run import Record
from clsunbias.parser import Parser

if TYPE_CHECKING:
    from clsunbias.data.base import DataModule


@dataclass(frozen=True)
class Card:
    """A data set as a report describes it.

    Attributes:
        label: as tables show it.
        name: the data set's own.
        simulated: whether it is made up.
        about: what its class says of it.
        licence: under which it may be used.
        parameters: that it was loaded with.
        classes: name of each class, the negative one first.
        counts: split → units of each class.
        notes: what could not be found out, and why.
    """

    label: str
    name: str
    simulated: bool
    about: str
    licence: str
    parameters: Mapping[str, Any]
    classes: list[str]
    counts: Mapping[str, list[int]]
    notes: list[str]


def module_of(record: Record) -> "DataModule":
    """The data set of a run, as its config says; its rows are not loaded.

    Raises:
        InputError: its class cannot be imported, does not take the parameters, or needs data that are not here.
    """
    from clsunbias.data.base import DataModule  # here, since it takes torch with it: of no use to a table

    parser = Parser()
    parser.add_subclass_arguments(DataModule, "data")
    section = load_yaml(record.folder / "config.yaml")["data"]
    given = section.get("init_args", {})
    # The folder is that of the machine which made the run; here it is where data lie here.
    section = {**section, "init_args": {name: value for name, value in given.items() if name != "root"}}
    try:
        made = parser.instantiate_classes(parser.parse_object({"data": section})).data
        assert isinstance(made, DataModule)
        made.describe()
    except Exception as error:  # a user's own class may fail in any way at all
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{section.get('class_path')} cannot say more: {reason}") from error
    return made


def card(label: str, record: Record, frame: pd.DataFrame, module: "DataModule | None", notes: list[str]) -> Card:
    """The data card of a run's data set.

    Args:
        label: as tables show it.
        record: of the run.
        frame: its predictions.
        module: the data set; None if it cannot be had.
        notes: why not.
    """
    classes = frame.filter(like="prob_").shape[1]
    names = list(module.class_names) if module else []
    if module and len(names) != classes:
        notes = [*notes, f"{module.name} has {len(names)} classes here, the runs scored {classes}"]
    if len(names) != classes:
        names = ["negative", "positive"] if classes == 2 else [f"class {index}" for index in range(classes)]
    counts = pd.crosstab(frame["split"], frame["label"]).reindex(index=frame["split"].unique(), columns=range(classes))
    given = load_yaml(record.folder / "config.yaml")["data"].get("init_args", {})
    return Card(
        label,
        record.result["dataset"],
        bool(record.result["simulated"]),
        inspect.cleandoc(type(module).__doc__ or "").partition("\n\nArgs:")[0] if module else "",
        module.licence if module else "",
        {name: value for name, value in given.items() if value is not None and name != "root"},
        names,
        {str(split): [int(count) for count in row] for split, row in counts.fillna(0).iterrows()},
        notes,
    )


def pictures(module: "DataModule", split: str, units: Iterable[int], count: int) -> dict[int, str]:
    """Some units of a split as data URIs of PNG images; none if its units are no images.

    Raises:
        InputError: the data are not those that the run was scored on, or not here.
    """
    pixels = module.pictures(split)
    if pixels is None:
        return {}
    if len(pixels) != count:
        raise InputError(f"{module.name} has {len(pixels)} {split} images here, the runs were scored on {count}")
    return {unit: data_uri(np.asarray(pixels[unit], np.uint8)) for unit in units}


def data_uri(pixels: Any) -> str:
    """An image as the data URI of a PNG.

    Args:
        pixels: uint8 ``(H, W)`` or ``(H, W, 3)``.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
