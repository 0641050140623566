"""The sentences of a made-up sweep as one text."""

from pathlib import Path

from contrastive_lab.report.verdict import verdict
from tests.sweep_folder import Told, grid_of, seeds, write_sweep


def said(folder: Path, jobs: list[Told], **told: object) -> str:
    return " ".join(verdict(grid_of(write_sweep(folder, jobs, **told))))


def rows(at: dict[int, list[float]], seconds: float = 0, **settings: object) -> list[Told]:
    made = [job for K, values in at.items() for job in seeds(values, K=K, **settings)]
    return [(asked, {**(result or {}), "seconds": 100 + seconds * int(asked["K"])}) for asked, result in made]
