"""Every wrong line of bad_lines.txt is answered by one line that names the key or file, before anything is made."""

import json
import resource
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contrastive_lab.commands import train
from tests.conftest import ROOT, Line, command
from tests.test_commands.test_theory import enter as enter_theory

Type = Callable[..., Line]
LIMIT = 10.0  # seconds of a processor for a wrong line
START = 5.0  # of which the start of Python and torch may take so many
WRONG = "train/dog/007.png"  # the file of a folder that is at fault


def table() -> list[tuple[str, str]]:
    """The lines, and the beginning of what answers each."""
    text = Path(__file__).with_suffix("").with_name("bad_lines.txt").read_text()
    rows = [row.partition(" :: ") for row in text.splitlines() if row and not row.startswith("#")]
    return [(line, answer) for line, _, answer in rows]


def photos(root: Path) -> Path:
    """Train/ with 16 and val/ with 4 images of noise, of two classes."""
    noise = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 2)):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8)).save(root / part / name / f"{i:03d}.png")
    return root


def boxes(wrong: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """A json of COCO's form, on one image of `photos`, with one box."""
    box = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    image = {"id": 1, "file_name": "000.png", "width": 8, "height": 8}
    return {"images": [image], "annotations": [box | wrong], "categories": [{"id": 1, "name": "cat"}]}


def listing(root: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of everything below a folder."""
    return {path: ((stat := path.lstat()).st_size, stat.st_mtime_ns) for path in root.rglob("*")}


def processor(whose: int = resource.RUSAGE_SELF) -> float:
    """Seconds of a processor that this process had, which others that want it too make no longer."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def map_of(side: int) -> bytes:
    """A grey PNG of side x side pixels, whose header alone is read."""
    body = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    end = b"IEND"
    parts = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (body, end))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of images, one for each thing that can be wrong with them."""
    root = tmp_path_factory.mktemp("images")
    good = (photos(root / "photos") / WRONG).read_bytes()
    (root / "nothing").mkdir()
    wrong = {"html": b"<html>403 Forbidden</html>", "empty": b"", "truncated": good[: len(good) // 2]}
    for name, content in {**wrong, "huge": map_of(20000)}.items():
        (photos(root / name) / WRONG).write_bytes(content)
    for name in ("dangling", "float"):
        (photos(root / name) / WRONG).unlink()
    (root / "dangling" / WRONG).symlink_to(root / "gone.png")
    Image.fromarray(np.zeros((8, 8), np.float32)).save((root / "float" / WRONG).with_suffix(".tiff"))
    for name, rows in {"list": "[]", "box": json.dumps(boxes({"bbox": [1, 1, 0, 5]})), "cut": "{"}.items():
        (root / f"{name}.json").write_text(rows)
    return root


@pytest.mark.parametrize(("wrong", "answer"), table(), ids=lambda value: value)
def test_a_wrong_line_is_answered_before_anything_is_made(
    wrong: str,
    answer: str,
    images: Path,
    entered: Type,
    type_script: Type,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    before, began = listing(images), processor()
    places = {"{D}": images, "{R}": ROOT / "tests" / "stored_runs"}
    for key, folder in places.items():
        wrong, answer = wrong.replace(key, str(folder)), answer.replace(key, str(folder))
    script, *told = wrong.split()
    if script == "train":
        done = entered("train.py", lambda: train.main(sys.argv), *told)
    elif script == "theory":
        done = entered("theory.py", enter_theory, *told)
    else:
        done = type_script(script, *told)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert done.err.startswith(f"error: {answer}")
    assert not list(tmp_path.iterdir()) and listing(images) == before
    assert processor() - began < LIMIT - START


@pytest.mark.long
@pytest.mark.parametrize("script", sorted({line.split()[0] for line, _ in table()}))
def test_a_process_that_answers_takes_no_ten_seconds(script: str, tmp_path: Path) -> None:
    """The last line of each command, as it is typed."""
    (*_, wrong) = (line.split()[1:] for line, _ in table() if line.split()[0] == script and "{" not in line)
    own, began = "train.py" if script == "train" else f"scripts/{script}.py", processor(resource.RUSAGE_CHILDREN)
    done = command(own, *wrong, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert processor(resource.RUSAGE_CHILDREN) - began < LIMIT
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_process_that_reads_images_takes_no_ten_seconds(images: Path, tmp_path: Path) -> None:
    told = ("dataset=image_folder", f"dataset.root={images}/truncated", "batch_size=4", "K=2")
    began = processor(resource.RUSAGE_CHILDREN)
    done = command(*told, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert processor(resource.RUSAGE_CHILDREN) - began < LIMIT
    assert not list(tmp_path.iterdir())


def test_the_table_has_no_line_twice() -> None:
    lines = [line for line, _ in table()]
    assert len({*lines}) == len(lines) >= 120
