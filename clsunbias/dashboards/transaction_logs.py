"""Reading the transaction logs that W&B leaves in a run's folder (``run-ID.wandb``).

Their frame is LevelDB's log format (github.com/google/leveldb, doc/log_format.md) after seven bytes of header; wandb
has a writer of it in Python no more, and no public reader.
"""

import json
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HEADER, BLOCK = 7, 32768
LAST_PARTS = (1, 4)  # kinds of chunk that end a record: FULL and LAST


def whole(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The records of a log's content that were written whole, and where each ends."""
    at, record = HEADER, b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:  # the rest of a block that is too small for a chunk is padding
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0 or at + 7 + length > len(data):
            return
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in LAST_PARTS:
            yield record, at
            record = b""


def records(path: Path) -> Iterator[Any]:
    """The records of a log (wandb_internal.proto)."""
    from wandb.proto import wandb_internal_pb2 as messages

    for record, _ in whole(path.read_bytes()):
        yield messages.Record.FromString(record)  # type: ignore[attr-defined]


def mend(path: Path) -> bool:
    """Makes of a killed process's log one at which ``wandb sync`` does not stop; returns whether there is still one.

    Half a record at its end is cut off; a log that does not get as far as opening its run (the first second) goes.
    """
    if not any(record.WhichOneof("record_type") == "run" for record in records(path)):
        path.unlink()
        return False
    os.truncate(path, max(end for _, end in whole(path.read_bytes())))
    return True


def rows(path: Path) -> list[dict[str, Any]]:
    """The history of a log: what each step has logged, ``_step`` in it."""
    return [values(record.history.item) for record in records(path) if record.WhichOneof("record_type") == "history"]


def values(items: Iterable[Any]) -> dict[str, Any]:
    """The values of a record's items by name; those of charts and tables are mappings, which come in parts."""
    found: dict[str, Any] = {}
    for item in items:
        *outer, name = item.nested_key or [item.key]
        into = found
        for key in outer:
            into = into.setdefault(key, {})
        into[name] = json.loads(item.value_json)
    return found
