import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from contrastive_lab.bench import sweep
from contrastive_lab.commands.bench import SHORT
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.plan import Job, Plan


def test_starts_are_told_from_the_times_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that begins its first step 2 s after the one before it is done, three times."""
    begin = time.time() + 1000

    jobs = [Job(str(number), "", [], "") for number in range(4)]

    def ended(line: Sequence[str], folder: Path) -> float:
        assert {"K=4", "seed=0,1,2,3", "sweep=bench"} < {*line}
        monkeypatch.setattr(sweep, "read_plan", lambda _: Plan("bench", jobs=jobs))
        for number in range(4):
            job = folder / "outputs" / "sweeps" / "bench" / str(number)
            job.mkdir(parents=True)
            for name, second in (("views.png", 5 * number), ("result.json", 5 * number + 3)):
                (job / name).touch()
                os.utime(job / name, (begin + second, begin + second))
        return 0.0

    monkeypatch.setattr(sweep, "ended", ended)
    first, others, _ = sweep.run(["K=4"], jobs=4, rounds=1).rows
    assert first.values["s"] == pytest.approx(1000, abs=30)
    assert [others.values[name] for name in ("least", "s", "most")] == pytest.approx([2, 2, 2], abs=0.01)


def test_wrong_settings_end_it_before_any_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "ended", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(ConfigError, match=r"^K=x: must be"):
        sweep.run(["K=x"], jobs=2, rounds=1)


@pytest.mark.long
def test_the_jobs_of_a_sweep_run() -> None:
    first, others, whole = (row.values["s"] or 0 for row in sweep.run(SHORT, jobs=2, rounds=1).rows)
    assert 0 < others < first < whole
