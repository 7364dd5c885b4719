"""What a report says of a data set beyond its records: names of classes and units, pictures, licence."""

import base64
import inspect
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from PIL import Image

from clsunbias.errors import InputError
from clsunbias.experiments.report.labels import SIDES, class_label, class_names
from clsunbias.experiments.running.config import load_yaml
from clsunbias.experiments.running.run import Record
from clsunbias.files import is_of_other_data
from clsunbias.parser import Parser

if TYPE_CHECKING:
    from clsunbias.data.base import DataModule


@dataclass(frozen=True)
class Card:
    """A data set as a report describes it, the negative class first; notes say what could not be found out, and why."""

    label: str
    name: str
    simulated: bool
    about: str
    licence: str
    parameters: Mapping[str, Any]
    classes: list[str]
    counts: Mapping[str, list[int]]
    notes: list[str]

    @property
    def labels(self) -> list[str]:
        """The classes as headers have them, the positive one marked."""
        return [class_label(self.classes, index) for index in range(len(self.classes))]


def describe(label: str, record: Record, frame: pd.DataFrame) -> tuple[Card, "DataModule | None"]:
    """The card of a run's data set, of which its predictions are given, and the data set itself if it can be had."""
    section = load_yaml(record.folder / "config.yaml")["data"]
    # The folder is that of the machine which made the run; here it is where data lie here.
    given = {name: value for name, value in section.get("init_args", {}).items() if name != "root"}
    module, notes = None, []
    try:
        module = module_of({**section, "init_args": given})
    except InputError as error:
        notes.append(str(error))
    classes = frame.filter(regex=r"^prob_\d+$").shape[1]
    names = list(SIDES) if classes == 2 else [f"class {index}" for index in range(classes)]
    recorded = class_names(record.result) or measured_classes(record)
    found = getattr(module, "class_names", ())  # one's own data set may name them in load(), which is not called
    if len(recorded) == classes:
        names = list(recorded)
    elif len(found) == classes:
        names = list(found)
    elif module:
        why = f"has {len(found)} classes here" if found else "names no classes unless it is loaded or has a describe()"
        notes.append(f"{module.name} {why}, the runs scored {classes}: {', '.join(names)}")
    if module and is_of_other_data(record.result, module.source):
        notes.append(f"{module.source} has changed since the runs were made: what is said of it may be of other data")
    counts = pd.crosstab(frame["split"], frame["label"]).reindex(index=frame["split"].unique(), columns=range(classes))
    return Card(
        label,
        record.result["dataset"],
        bool(record.result["simulated"]),
        inspect.cleandoc(type(module).__doc__ or "").partition("\n\nArgs:")[0] if module else "",
        module.licence if module else "",
        {name: value for name, value in given.items() if value is not None},
        names,
        {str(split): [int(count) for count in row] for split, row in counts.fillna(0).iterrows()},
        notes,
    ), module


def measured_classes(record: Record) -> list[str]:
    """The classes of a record that does not list them, by its metrics of each; of two these do not tell."""
    metrics = record.result[next(iter(record.result["units"]))]
    return [] if "neg_f1" in metrics else [name.removeprefix("f1/") for name in metrics if name.startswith("f1/")]


def module_of(section: Mapping[str, Any]) -> "DataModule":
    """One of the suite's own data sets from its section of a config; its rows are not loaded.

    A report is read of other people's runs, too: no class is imported that their configs name, neither the data set
    nor what it would be trained with, of which there is nothing to say.

    Raises:
        InputError: its class is not the suite's own, does not take the parameters, or needs data that are not here.
    """
    from clsunbias import data  # here, since it takes torch with it: of no use to a table

    asked = section.get("class_path")
    own = {f"{home}.{name}": kind for name, kind in vars(data).items() for home in homes(kind)}
    if asked not in own:
        raise InputError(f"{asked} cannot say more: a report imports no class but the suite's own")
    plain = [name for name, hint in get_type_hints(own[asked].__init__).items() if is_plain(hint)]
    given = {name: value for name, value in section.get("init_args", {}).items() if name in plain}
    parser = Parser()
    parser.add_class_arguments(own[asked], "data")
    try:
        made: DataModule = parser.instantiate_classes(parser.parse_object({"data": given})).data
        made.describe()
    except Exception as error:  # of parameters that somebody has made up, or of files
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{asked} cannot say more: {reason}") from error
    return made


def homes(kind: Any) -> set[str]:
    """Modules that a name of :mod:`clsunbias.data` is imported from, if it is a data set."""
    is_data = inspect.isclass(kind) and hasattr(kind, "scored_splits") and not inspect.isabstract(kind)
    return {"clsunbias", "clsunbias.data", kind.__module__} if is_data else set()


def is_plain(hint: Any) -> bool:
    """Whether values of a type are texts, numbers and lists of them, of which nothing is imported."""
    parts = () if get_origin(hint) is Literal else get_args(hint)
    plain = [str, int, float, bool, NoneType, Path]  # no set: the arguments of a Callable are a list
    return hint in plain or get_origin(hint) is Literal or (bool(parts) and all(is_plain(part) for part in parts))


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
    """An image, uint8 ``(H, W)`` or ``(H, W, 3)``, as the data URI of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
