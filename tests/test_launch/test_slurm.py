"""A sweep sent to a queue, which is played by tests/fake_slurm: sbatch, srun, scontrol and sacct on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT, settled
from tests.forked_runs import logged
from tests.test_launch.conftest import SMALL, stored_results
from tests.test_launch.test_jobs import Type
from tests.test_run.test_train import metrics, weights

LONG = (*SMALL, "trainer.limit_train_batches=40")
QUEUE = ("-m", "K=4,8", "sweep=s", "hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=60")


@pytest.mark.long
def test_a_job_whose_time_is_over_goes_to_the_queue_again_and_on_from_its_step(tmp_path: Path, line: Type) -> None:
    queue, folder = tmp_path / "bin", tmp_path / "outputs/sweeps/s"
    shutil.copytree(ROOT / "tests" / "fake_slurm", queue)
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{queue}:{os.environ['PATH']}"}
    options = {"cwd": tmp_path, "env": environ, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    train = [sys.executable, str(ROOT / "train.py"), *settled(*LONG, *QUEUE)]
    with subprocess.Popen(train, start_new_session=True, **options) as sweep:
        try:
            while max(map(logged, folder.glob("K=4*")), default=-1) < 5:
                assert sweep.poll() is None
                time.sleep(0.02)
            os.kill(int((queue / "pid_7_0").read_text()), signal.SIGUSR2)  # as submitit asks SLURM to warn a job
            told, _ = sweep.communicate(timeout=400)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(sweep.pid, signal.SIGKILL)
    log = (queue / "7_0.log").read_text()
    assert sweep.returncode == 0, told + log
    assert [result["status"] for result in stored_results(tmp_path).values()] == ["done", "done"]
    assert log.count("job 1 of 2") == 2, log
    assert "Requeued job 7_0" in log
    assert line(*LONG, "K=4", "hydra.run.dir=whole").code == 0
    (one,), whole = folder.glob("K=4*"), tmp_path / "whole"
    assert metrics(one) == metrics(whole)
    assert all(torch.equal(value, weights(one)[name]) for name, value in weights(whole).items())
