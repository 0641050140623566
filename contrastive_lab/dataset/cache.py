"""Where is kept what was made of a user's files: a cache, which may be removed at any time."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ELSEWHERE = "XDG_CACHE_HOME=<folder> puts the cache elsewhere"


def cache() -> Path:
    """`contrastive_lab` in the folder XDG_CACHE_HOME, or in ~/.cache; it need not be there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "contrastive_lab"


def stamp(paths: Sequence[Path], made: Any) -> str | None:
    """24 hexadecimal digits of files, by their names, sizes and dates, and of how something is `made` of them.

    None where one of them is not there.
    """
    try:
        stamps = [(str(path.absolute()), (found := path.stat()).st_size, found.st_mtime_ns) for path in paths]
    except OSError:
        return None
    return hashlib.sha256(json.dumps([made, stamps]).encode()).hexdigest()[:24]
