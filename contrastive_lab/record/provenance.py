"""What a run's folder holds beside its results: command, code, packages, traceback, id at Weights & Biases."""

import errno
import os
import platform
import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from contrastive_lab.errors import first_line
from contrastive_lab.program import front, program, typed_line
from contrastive_lab.record.files import COMMAND, write_json
from contrastive_lab.record.result import read_result

FULL = (errno.ENOSPC, errno.EDQUOT)
SMALL_SHM = ("shared memory", "</torch_")  # in torch's own words for it
LOST = ("Connection closed by peer", "Connection reset by peer", "remote process exited")  # the words of gloo and NCCL
ROOT = Path(__file__).resolve().parents[2]
OURS, SUFFIXES = ("contrastive_lab", "conf", "scripts"), (".py", ".yaml", ".html", ".css", ".js")
LARGEST = 100_000  # bytes
GPUS = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]


def describe(folder: Path, line: Sequence[str] | None = None) -> None:
    """Write command.txt, environment.json, and git.diff where the code differs from its commit.

    The command is `line`, as `program.typed_line` has it, or that of this process. A run that is resumed adds a line to
    command.txt, and its environment and diff get a number of their own.
    """
    commands = folder / COMMAND
    resumed = len(commands.read_text().splitlines()) if commands.exists() else 0
    with commands.open("a") as file:
        file.write(shlex.join([*front(), *(line or typed_line())]) + "\n")
    number = f".{resumed + 1}" if resumed else ""
    write_json(folder / f"environment{number}.json", environment())
    if diff := _changes():
        (folder / f"git{number}.diff").write_text(diff, newline="")


def environment() -> dict[str, Any]:
    """Machine with its processor, GPUs and their driver, Python, commit, and the versions of all packages by name."""
    gpus = [line.rpartition(", ") for line in _gpus().splitlines()]
    return {
        "host": platform.node(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "gpus": [name for name, _, _ in gpus],
        "driver": gpus[0][2] if gpus else None,
        "threads": sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None,
        "git": commit(),
        "packages": dict(_packages(tuple((place, _changed(place)) for place in sys.path))),
    }


@lru_cache(maxsize=1)
def _packages(places: tuple[tuple[str, float], ...]) -> list[tuple[str, str]]:
    """Names and versions of what is installed in some folders, told with when each was changed: jobs share them."""
    read = (found.metadata for found in distributions(path=[place for place, _ in places]))  # once each: it is parsed
    return sorted((str(told["Name"]).lower(), str(told["Version"])) for told in read if told["Name"])


def _changed(place: str) -> float:
    """When a folder was changed, as by an installation; 0 of what is none."""
    try:
        return Path(place).stat().st_mtime
    except OSError:
        return 0


def commit() -> str | None:
    """Commit of the code, with `+` behind it where files differ from it; None outside a git checkout."""
    head = _git("rev-parse", "HEAD")
    return None if head is None else head[:12] + ("+" if _git("status", "--porcelain") else "")


def goes_on(folder: Path) -> str:
    """What to type for a run to go on."""
    command = "detect" if read_result(folder).method == "detect" else "train"
    return f"{program(command)} {shlex.quote(f'resume={folder}')} goes on"


def unforeseen(error: Exception, folder: Path) -> str:
    """A line on an error that nothing foresees; the traceback of the one being handled goes to traceback.txt."""
    line = f"{type(error).__name__}: {first_line(error)}"
    if isinstance(error, OSError) and error.errno in FULL:
        return f"{line}; make room, and {goes_on(folder)}"
    if any(text in str(error) for text in SMALL_SHM):
        there = "/dev/shm is too small for the workers that decode; give it room (docker run --shm-size=8g)"
        return f"{there}, or do without: {program('train')} {shlex.quote(f'resume={folder}')} dataset.workers=0"
    (folder / "traceback.txt").write_text(traceback.format_exc())
    if any(text in str(error) for text in LOST):
        line = f"another process of this run has ended; the same line, or resume={folder}, goes on"
    return f"{line} (traceback.txt in {folder})"


def write_wandb_id(folder: Path, name: str) -> None:
    """Write wandb_run_id.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wandb_run_id.txt").write_text(name + "\n")


def stored_wandb_id(folder: Path) -> str | None:
    """The id in wandb_run_id.txt; None without that file."""
    path = folder / "wandb_run_id.txt"
    return path.read_text().strip() if path.exists() else None


def _changes() -> str:
    """What the code differs in from its commit: files that it has, and new ones of the package that are small texts.

    Files that hold secrets by their name, as .env, are left out, also where the commit has them.
    """
    plain = ("--no-color", "--no-ext-diff", "--no-textconv")
    known = _git("diff", *plain, "HEAD", "--", ":/", ":(exclude,glob)**/.env*") or ""
    new = (_git("ls-files", "-z", "--others", "--exclude-standard", "--", *OURS) or "").split("\0")
    return known + "".join(map(_added, filter(None, new)))


def _added(name: str) -> str:
    """A new file as git's diff shows it; empty for one that is no small text of code or settings."""
    path = ROOT / name
    hidden = any(part.startswith(".") for part in Path(name).parts)
    if hidden or path.suffix not in SUFFIXES or path.is_symlink() or path.stat().st_size > LARGEST:
        return ""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return ""
    lines = text.split("\n")
    lines, end = (lines[:-1], "") if lines[-1] == "" else (lines, "\\ No newline at end of file\n")
    head = f"diff --git a/{name} b/{name}\nnew file mode 100644\n"
    if not lines:
        return head
    body = "".join(f"+{line}\n" for line in lines)
    return f"{head}--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n{body}{end}"


def _git(*arguments: str) -> str | None:
    """Output of git about this code, other bytes than UTF-8 replaced; None without a checkout or git."""
    if not (ROOT / ".git").exists():
        return None
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _cpu() -> str:
    """The processor's name, as Linux has it, else its kind."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE) if info.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()


def _gpus() -> str:
    """Name and driver of each NVIDIA GPU, a line each; empty where there is none that answers."""
    try:
        return subprocess.run(GPUS, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
