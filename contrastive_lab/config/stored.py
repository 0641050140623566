"""Whether a stored run can be resumed or read, told without torch."""

import json
import zipfile
from pathlib import Path


def check_resume(folder: Path) -> list[str]:
    """What keeps the run in `folder` from being resumed."""
    result = folder / "result.json"
    if result.is_file() and json.loads(result.read_text())["status"] == "done":
        return [f"resume={folder}: that run is finished; nothing is left to do"]
    return [f"resume={problem}" for problem in check_stored(folder)]


def check_stored(folder: Path) -> list[str]:
    """What keeps the checkpoint of the run in `folder` from being read."""
    checkpoint = folder / "checkpoints" / "last.ckpt"
    if not (folder / ".hydra" / "config.yaml").is_file():
        return [f"{folder}: not the folder of a run (no .hydra/config.yaml in it)"]
    if not checkpoint.is_file():
        return [f"{folder}: has no checkpoint (checkpoints/last.ckpt)"]
    if not zipfile.is_zipfile(checkpoint):
        return [f"{folder}: its checkpoint checkpoints/last.ckpt is damaged and cannot be read"]
    return []
