"""The command `train`: which of two tasks a line is for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from tests.conftest import Line
from tests.test_launch.conftest import SMALL

Type = Callable[..., Line]


@pytest.mark.usefixtures("no_report")
def test_a_line_is_one_run_and_one_with_m_is_the_jobs_of_a_sweep(
    line: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def note(name: str) -> Callable[[DictConfig], None]:
        return lambda config: seen.append((name, config.K))

    monkeypatch.setattr("contrastive_lab.launch.jobs.one_run", note("run"))
    monkeypatch.setattr("contrastive_lab.launch.jobs.sweep_job", note("job"))
    assert line(*SMALL).code == 0
    line("-m", *SMALL, "K=6,7", "sweep=s")
    assert seen == [("run", 5), ("job", 6), ("job", 7)]
