"""Configs of runs: read, composed as the command line composes them, and compared with what a run saved."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any

import yaml

from clsunbias.yaml_files import Loader, read_yaml

SEED_LINE = re.compile(r"^seed_everything: (\d+)\n", re.MULTILINE)


def load_yaml(path: Path) -> dict[str, Any]:
    """A config file as a mapping, not to be changed: a grid reads the same few files for each of its runs."""
    return parse_yaml(read_yaml(path))


@cache
def parse_yaml(text: str) -> dict[str, Any]:
    """YAML as a mapping, not to be changed."""
    return dict(yaml.load(text, Loader) or {})


def load_saved(path: Path) -> dict[str, Any]:
    """The config that a run saved; YAML is slow to read: runs that differ in nothing but their seed share the work."""
    text = read_yaml(path)
    seed = SEED_LINE.search(text)
    return parse_yaml(SEED_LINE.sub("", text)) | ({"seed_everything": int(seed[1])} if seed else {})


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Two configs composed as the command line composes them: later wins, another class drops its arguments.

    A list whose name ends in + is put behind the one that is there.
    """
    merged = dict(base)
    for name, value in overlay.items():
        below = merged.get(name)
        if str(name).endswith("+") and isinstance(value, list):
            merged[name[:-1]] = [*(merged.get(name[:-1]) or []), *value]
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            another = "class_path" in value and value["class_path"] != below.get("class_path")
            merged[name] = dict(value) if another else merge(below, value)
        else:
            merged[name] = value
    return merged


def merge_all(configs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Configs composed one after the other; later wins."""
    return reduce(merge, configs, {})


def without(config: Mapping[str, Any], dotted: str) -> dict[str, Any]:
    """A config less one parameter, if it has it."""
    name, _, rest = dotted.partition(".")
    if not rest or not isinstance(config.get(name), Mapping):
        return {key: value for key, value in config.items() if key != name or rest}
    return {**config, name: without(config[name], rest)}


def nested(dotted: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` of ``a.b``."""
    for name in reversed(dotted.split(".")):
        value = {name: value}
    return dict(value)


def difference(asked: Mapping[str, Any], saved: Mapping[str, Any], prefix: str = "") -> str:
    """The first parameter in which a saved config is not what was asked for, or nothing."""
    if "class_path" in asked and "class_path" not in saved:  # of a dataclass, a saved config has the fields alone
        asked = asked.get("init_args") or {}
    for name, value in asked.items():
        actual, dotted = saved.get(name), f"{prefix}{name}"
        if isinstance(value, Mapping) and isinstance(actual, Mapping):
            inner = difference(value, actual, f"{dotted}.")
            if inner:
                return inner
        elif not same(value, actual):
            return f"{dotted} is {actual}, asked for is {value}"
    return ""


def same(asked: Any, saved: Any) -> bool:
    """Whether two values of a config say the same: 3e-4 is a string to YAML, and a class may go by its name alone."""
    if isinstance(saved, Mapping) and "class_path" in saved:
        saved = saved["class_path"]
    if isinstance(asked, list) and isinstance(saved, list) and len(asked) == len(saved):
        return not any(difference({"": one}, {"": other}) for one, other in zip(asked, saved, strict=True))
    if asked == saved or (isinstance(asked, str) and isinstance(saved, str) and same_class(asked, saved)):
        return True
    try:
        return float(asked) == float(saved)
    except (TypeError, ValueError):
        return False


def same_class(asked: str, saved: str) -> bool:
    """Whether two import paths may be of one class: a package may export it, and its name alone may do."""
    (package, name), (other, other_name) = (path.rpartition(".")[::2] for path in (asked, saved))
    within = f"{other}.".startswith(f"{package}.") or f"{package}.".startswith(f"{other}.")
    return name == other_name and name.isidentifier() and (within or not package)


def seedless(config: Any) -> Any:
    """A config less its seeds, the data's folder and what is displayed; of weights to start from, whether there are."""
    if not isinstance(config, Mapping):
        return config
    return {
        name: ("given" if value else None) if name == "init_from" else seedless(value)
        for name, value in config.items()
        if name not in {"seed", "root", "seed_everything"} and not name.endswith("_seed") and name[:7] != "enable_"
    }
