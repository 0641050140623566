from collections.abc import Sequence
from pathlib import Path

import pytest

from contrastive_lab.bench import startup
from contrastive_lab.commands.bench import SHORT
from contrastive_lab.errors import ConfigError


def test_each_case_is_a_process_in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Sequence[str]] = []
    folders: list[Path] = []

    def timed(line: Sequence[str], folder: Path) -> float:
        assert folder.is_dir() and not [*folder.iterdir()]
        lines.append(line)
        folders.append(folder)
        return 1.0

    monkeypatch.setattr(startup, "ended", timed)
    monkeypatch.setattr(startup, "first_step", timed)
    outcome = startup.run(["K=4"], rounds=1)
    assert [row.case for row in outcome.rows][2:] == ["--help", "train --help", "first step", "whole run"]
    assert all({*row.values} == {"s", "least", "most"} for row in outcome.rows)
    assert len(lines) == len({*folders}) == 12  # with the turn that is not counted
    assert [line[-1] for line in lines[2:6]] == ["--help", "--help", "K=4", "K=4"]


def test_wrong_settings_end_it_before_any_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "ended", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(ConfigError, match=r"^K=x: must be"):
        startup.run(["K=x"], rounds=1)


@pytest.mark.long
def test_the_lines_run() -> None:
    values = {row.case: row.values["s"] or 0 for row in startup.run(SHORT, rounds=1).rows}
    assert 0 < values["python alone"] < values["train --help"] < values["first step"] < values["whole run"]
