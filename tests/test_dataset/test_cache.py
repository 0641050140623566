"""What is made of a user's files is kept by their names, sizes and dates."""

import os
from pathlib import Path

import pytest

from contrastive_lab.dataset.cache import cache, stamp


def test_the_cache_is_where_a_user_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache() == tmp_path / "contrastive_lab"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache() == tmp_path / ".cache" / "contrastive_lab"


def test_a_stamp_tells_files_and_what_is_made_of_them_apart(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first, second):
        path.write_text("x")
        os.utime(path, ns=(1, 1))
    told = {stamp([first], 1), stamp([second], 1), stamp([first, second], 1), stamp([first], 2)}
    assert stamp([first], 1) in told
    os.utime(first, ns=(2, 2))
    told.add(stamp([first], 1))
    first.write_text("xy")
    os.utime(first, ns=(1, 1))
    told.add(stamp([first], 1))
    assert len(told) == 6 and None not in told
    first.unlink()
    assert stamp([first, second], 1) is None
