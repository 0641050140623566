"""JSON and csv files: whole or not there, and the bytes of a table."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contrastive_lab.record.files import overwrite_json, read_json, write_json, write_table


@pytest.mark.parametrize(
    ("name", "write"),
    [("x.json", write_json), ("x.csv", lambda path, values: write_table(path, list(values), [values]))],
)
def test_a_reader_never_sees_half_of_a_file(
    name: str, write: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    write(path, {"a": 1})
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("power is gone")))
    with pytest.raises(OSError, match="power"):
        write(path, {"a": 2})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_two_processes_that_write_a_file_at_once_leave_the_last_ones_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "x.json", Path.replace

    def replace_late(partial: Path, target: Path) -> Path:
        """Put a file in place when another process has written it from its first byte to its last."""
        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(os, "getpid", lambda: 0)
        write_json(path, {"other": list(range(100))})
        assert read_json(path) == {"other": list(range(100))}
        return replace(partial, target)

    monkeypatch.setattr(Path, "replace", replace_late)
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1} and list(tmp_path.iterdir()) == [path]


def test_an_object_is_written_over_a_longer_one_in_its_room(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": "long" * 9})
    overwrite_json(tmp_path / "x.json", {"b": 1})
    assert read_json(tmp_path / "x.json") == {"b": 1}


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_what_is_no_object_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"Expecting|not an object but list"):
        read_json(path)
    path.write_text(json.dumps({"a": [1]}))
    assert read_json(path) == {"a": [1]}


def test_a_table_has_the_bytes_of_rfc_4180(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": 0.1}, {"a": None, "b": np.float64(1e-7)}, {"a": 'x, "y"'}]
    write_table(tmp_path / "x.csv", ["a", "b"], rows)
    assert (tmp_path / "x.csv").read_bytes() == b'a,b\r\n1,0.1\r\n,1e-07\r\n"x, ""y""",\r\n'
