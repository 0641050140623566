"""Look through the files of a data set before anything is made of them."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from contrastive_lab.dataset.cache import cache, stamp
from contrastive_lab.dataset.decode import Reader
from contrastive_lab.errors import ConfigError, RunError

NAMED = 20  # files that are named; of more the number is told
DARK = 17  # of 255, which no value of a dark image reaches: 4095 of 65535 is 16
SATURATED = 0.95  # share of values that are 0 or 255 from which an image is black and white


class Looked(NamedTuple):
    """What there is to say of files, a line each, and those that cannot be read, by their path as text."""

    notices: list[str]
    unreadable: dict[str, str]


def look_through(paths: Sequence[Path], reader: Reader, workers: int = 1, skip: bool = False) -> Looked:
    """Decode all files once, in `workers` threads, and say in a line if most of them look wrong.

    Files that were looked through, of the same names, sizes and dates, are not decoded again. Those that cannot be read
    are named, or with `skip` told to be left out.

    Raises:
        ConfigError: that names the files that cannot be read, each in a line, unless they are to be skipped.
    """
    memory = _memory(paths, reader)
    said, lasting = _remembered(memory), True
    if said is None or (said.unreadable and not skip):
        said, lasting = _looked(paths, reader, workers)
    problems = [*said.unreadable.values()]
    if more := problems[NAMED:]:
        problems[NAMED:] = [f"{len(more)} more files cannot be read"]
    if problems and not skip:
        raise ConfigError(*problems)
    if memory is not None and lasting:
        _remember(memory, said)
    skipped = [f"{len(said.unreadable)} of {len(paths)} images cannot be read and are skipped"] * bool(problems)
    return said._replace(notices=[*skipped, *problems, *said.notices])


def _looked(paths: Sequence[Path], reader: Reader, workers: int) -> tuple[Looked, bool]:
    """What there is to say, and whether that lasts: a file that the system did not give may be given the next time."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        looked = pool.map(lambda path: _look(path, reader), paths)
        found: list[_Image] = [*tqdm(looked, "Looking through", len(paths), delay=2)]
    unreadable = {str(path): image.problem for path, image in zip(paths, found, strict=True) if image.problem}
    notices = _notices(sum(image.flat for image in found), len(paths) - len(unreadable))
    return Looked(notices, unreadable), not any(image.passing for image in found)


class _Image(NamedTuple):
    problem: str = ""
    passing: bool = False  # whether the problem is the system's, such as a right that lacks
    flat: bool = False  # of one colour, nearly black, or nearly all black and white


def _look(path: Path, reader: Reader) -> _Image:
    try:
        image = reader(path)
    except RunError as error:
        return _Image(str(error), getattr(error.__context__, "errno", None) is not None)
    counts = image.histogram()
    ends = sum(counts[band + value] for band in (0, 256, 512) for value in (0, 255))
    one_colour = sum(count > 0 for count in counts) == 3  # of each channel one value
    dark = not any(sum(counts[band + DARK : band + 256]) for band in (0, 256, 512))
    return _Image(flat=one_colour or dark or ends > SATURATED * sum(counts))


def _notices(flat: int, images: int) -> list[str]:
    if 2 * flat <= images:  # as where there are none
        return []
    white = "of 16-bit images dataset.range says what is black and white (12 bits in them: dataset.range=[0,4095])"
    cure = f"{white}, of transparent ones dataset.background"
    return [f"{flat} of {images} images are of one colour, nearly black, or all but black and white; {cure}"]


def _memory(paths: Sequence[Path], reader: Reader) -> Path | None:
    """The file that remembers what was said of these files; None where one of them is not there."""
    told = stamp(paths, asdict(reader) | {"dark": DARK})
    return None if told is None else cache() / f"{told}.json"


def _remembered(memory: Path | None) -> Looked | None:
    """What was said of these files; None where that is not remembered, or cannot be read."""
    try:
        return Looked(**json.loads(memory.read_text())) if memory is not None else None
    except (OSError, ValueError, TypeError):  # nothing there, or a part, as a power cut leaves it
        return None


def _remember(memory: Path, said: Looked) -> None:
    """Write what was said of the files, never in part; a cache that cannot be written is none."""
    partial = memory.with_suffix(f".{os.getpid()}.partial")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(json.dumps(said._asdict()))
            partial.replace(memory)
        finally:
            partial.unlink(missing_ok=True)
