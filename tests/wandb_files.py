"""Reads back the files of offline W&B runs."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from wandb.proto.wandb_internal_pb2 import Record

# The environment of offline runs that leave out what takes time.
QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_X_DISABLE_STATS": "true",
    "WANDB_X_SAVE_REQUIREMENTS": "false",
}
BLOCK, HEADER = 32768, 7


class Offline(NamedTuple):
    """What one offline run holds."""

    run: Any
    config: dict[str, Any]
    history: list[dict[str, Any]]
    summary: dict[str, Any]
    metrics: dict[str, Any]
    exit_code: int | None
    files: Path


def offline_runs(folder: Path) -> list[Offline]:
    """The offline runs of a folder, oldest first."""
    found = sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.parent.name)
    return [_read(path) for path in found]


def _kinds(path: Path) -> dict[str, list[Any]]:
    """The records by kind; waits for the last one, since W&B's own process writes on after `finish` has returned."""
    last = time.monotonic() + 20
    while True:
        kinds: dict[str, list[Any]] = {}
        for record in records(path.read_bytes()):
            kind = record.WhichOneof("record_type")
            kinds.setdefault(kind, []).append(getattr(record, kind))
        if "exit" in kinds or time.monotonic() > last:
            return kinds
        time.sleep(0.05)


def _read(path: Path) -> Offline:
    kinds = _kinds(path)
    (run,) = kinds["run"]
    summary: dict[str, Any] = {}
    for change in kinds["summary"]:
        for item in change.update:
            _set(summary, item)
    exits = kinds.get("exit", [])
    return Offline(
        run=run,
        config={item.key: json.loads(item.value_json) for item in run.config.update},
        history=[_row(row) for row in kinds.get("history", [])],
        summary=summary,
        metrics={metric.name or metric.glob_name: metric for metric in kinds.get("metric", [])},
        exit_code=exits[0].exit_code if exits else None,
        files=path.parent / "files",
    )


def records(data: bytes) -> Iterator[Record]:
    """The records of a .wandb file: a LevelDB log (32 KiB blocks; crc, length and kind before each piece)."""
    assert data[:4] == b":W&B"
    offset, pieces = HEADER, b""
    while offset + HEADER <= len(data):
        if (left := BLOCK - offset % BLOCK) < HEADER:
            offset += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, offset)
        pieces += data[offset + HEADER : offset + HEADER + length]
        offset += HEADER + length
        if kind in (1, 4):  # whole, or the last piece of several
            record = Record()
            record.ParseFromString(pieces)
            pieces = b""
            yield record


def _row(row: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in row.item:
        _set(values, item)
    return values


def _set(values: dict[str, Any], item: Any) -> None:
    *outer, name = item.nested_key or [item.key]
    for key in outer:
        values = values.setdefault(key, {})
    values[name] = json.loads(item.value_json)
