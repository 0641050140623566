import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from contrastive_lab.launch import watch
from contrastive_lab.launch.watch import Watch, watched
from contrastive_lab.record.plan import Plan, read_plan
from tests.sweep_folder import Told, write_sweep
from tests.test_report.conftest import until

Made = Callable[..., Plan]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The plan of a made-up sweep of a launcher, in the working directory."""
    monkeypatch.chdir(tmp_path)

    def make(launcher: str, *results: dict[str, Any] | None) -> Plan:
        jobs: list[Told] = [({"K": K}, result) for K, result in enumerate(results, 1)]
        return read_plan(
            write_sweep(Path("outputs/sweeps/s"), jobs, overrides=[f"hydra/launcher={launcher}"], name="s")
        )

    return make


def put(plan: Plan, K: int, **values: Any) -> None:
    """Give a job another result.json, as its begin and its end do."""
    folder = plan.folder / f"K={K}"
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps(values))


def test_jobs_that_write_elsewhere_are_told_as_they_begin_and_end(made: Made) -> None:
    plan = made("submitit_local", {"seconds": 600.0}, None, None, {"status": "failed", "error": "of before"}, None)
    seen = Watch(plan)
    assert seen.lines(time.time()) == []
    put(plan, 2, status="running")
    put(plan, 3, status="running")
    assert seen.lines(time.time()) == [
        "job 2 of 5 running  K=2",
        # 600 s each of two at a time: two that have just begun, two that wait, of which one is to be tried again
        "job 3 of 5 running  K=3  (1 done, 1 failed, 2 running, about 20 min left)",
    ]
    put(plan, 2, status="failed", error="Traceback\nloss is not finite")
    put(plan, 3, status="done", seconds=1200.0)
    put(plan, 5, status="running")
    assert seen.lines(time.time()) == [
        "job 2 of 5 failed  K=2: loss is not finite",
        "job 3 of 5 done  K=3",
        "job 5 of 5 running  K=5  (2 done, 2 failed, 1 running, about 15 min left)",  # 900 s each, one that waits
    ]
    assert seen.lines(time.time()) == []


@pytest.mark.parametrize(("launcher", "told"), [("basic", []), ("joblib", ["job 1 of 2 done  K=1  (1 done)"])])
def test_what_jobs_say_themselves_is_not_told_twice(launcher: str, told: list[str], made: Made) -> None:
    plan = made(launcher, None, None)
    seen = Watch(plan)
    put(plan, 1, status="running")
    assert seen.lines(time.time()) == []
    put(plan, 1, status="done")
    assert seen.lines(time.time()) == told


def test_the_time_left_is_told_after_a_minute_and_every_ten(made: Made) -> None:
    plan = made("basic", None, None)
    seen, now = Watch(plan), time.time()
    put(plan, 1, status="running")
    assert [seen.lines(now + after) for after in (0, 59, 61, 122)] == [[], [], [], []]  # nothing tells how long
    (plan.folder / "K=2").mkdir()
    put(plan, 2, status="done", seconds=300.0)
    (line,) = seen.lines(now + 240)
    assert line == "sweep s: 1 done, 1 running, about 60 s left"
    assert [seen.lines(now + after) for after in (250, 839)] == [[], []]
    assert len(seen.lines(now + 841)) == 0  # it took longer than the other, but is not over
    put(plan, 1, status="interrupted")
    assert seen.lines(now + 2000) == []  # which the job says itself, and none is left


def test_a_job_that_was_killed_before_waits(made: Made) -> None:
    plan = made("basic", {"seconds": 600.0}, {"status": "running"}, None)
    time.sleep(0.01)
    (line,) = Watch(plan).lines(time.time() + 61)
    assert line == "sweep s: 1 done, about 20 min left"


def test_it_goes_on_beside_the_jobs_and_leaves_a_bar_whole(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch, "POLL", 0.01)
    plan, out = made("submitit_slurm", None, None), ""

    def told() -> bool:
        nonlocal out
        out += capsys.readouterr().out
        return "job 1" in out

    with tqdm(total=10, file=sys.stdout, ncols=60) as bar, watched(plan):
        bar.update(3)
        put(plan, 1, status="running")
        until(told, 10)
        put(plan, 2, status="done")
    out += capsys.readouterr().out
    lines = [part.strip() for line in out.splitlines() for part in line.split("\r")]
    assert "job 1 of 2 running  K=1  (0 done, 1 running)" in lines
    assert any(line.startswith("job 2 of 2 done  K=2") for line in lines)  # the last look is after the last job
