"""A run goes on in another number of processes: the same losses, weights and states."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from omegaconf import OmegaConf
from torch import multiprocessing

from contrastive_lab.config.overrides import composed
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.preflight import preflight
from tests.conftest import ROOT, TINY, command
from tests.small_texts import SMALL
from tests.test_distributed import CASES, follow, losses, start
from tests.test_run.test_train import weights


def go_on(rank: int, world: int, folder: str, before: int, step: int) -> None:
    """One step of each method from the state that the first of `before` processes left."""
    start(rank, world, folder)
    states = torch.load(f"{folder}/{before}.pt", weights_only=True)
    found = {name: follow(name, steps=[step], state=states[name]["state"]) for name in CASES}
    if rank == 0:
        torch.save(found, f"{folder}/{world}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def one_four_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The first step in one process, the second in four, the third in two."""
    folder = tmp_path_factory.mktemp("resumed")
    torch.save({name: follow(name, steps=[0]) for name in CASES}, folder / "1.pt")
    for step, (before, world) in enumerate([(1, 4), (4, 2)], start=1):
        multiprocessing.spawn(go_on, args=(world, str(folder), before, step), nprocs=world)
    return [torch.load(folder / f"{world}.pt", weights_only=True) for world in (1, 4, 2)]


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_every_method_goes_on_in_another_number_of_processes(name: str, one_four_two: list[dict[str, Any]]) -> None:
    """Losses, weights, queues, banks, normalisers, key encoders and running statistics of one process."""
    alone, parts = follow(name), [found[name] for found in one_four_two]
    found = [part["losses"][0] for part in parts]
    torch.testing.assert_close(found, alone["losses"], rtol=0, atol=1e-8)
    torch.testing.assert_close(parts[-1]["state"], alone["state"], rtol=0, atol=1e-8)


STOPPED = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from contrastive_lab.commands import train
from contrastive_lab.errors import RunError
from contrastive_lab.run.callbacks import LastCheckpoint
save = LastCheckpoint.save
def stop(self, trainer):
    save(self, trainer)
    if trainer.global_step == int(os.environ["STOP"]):
        raise RunError("stopped")
LastCheckpoint.save = stop
sys.exit(train.main(sys.argv))
"""


@pytest.mark.long
def test_a_resumed_run_has_the_curve_of_one_process(news: Path) -> None:
    """2 of its 8 steps in one process, 3 in four, the rest in two, with optimizer, schedule, probes and metrics.csv."""
    told = (*SMALL, "method=moco_v2", "K=20", "trainer.precision=64-true", "checkpoint_every_n_steps=1")
    whole = command(*told, "hydra.run.dir=whole", cwd=news)
    assert whole.returncode == 0, whole.stderr
    (news / "stopped.py").write_text(STOPPED)
    parts = [("2", (*told, "hydra.run.dir=x"))]
    parts += [("5", ("resume=x", "strategy=ddp_cpu", "strategy.devices=4"))]
    parts += [("0", ("resume=x", "strategy=ddp_cpu"))]
    for stop, line in parts:
        done = command(str(news / "stopped.py"), *line, cwd=news, STOP=stop)
        assert done.returncode == (stop != "0"), done.stderr
    assert len(losses(news / "whole")) == 8
    assert losses(news / "x") == pytest.approx(losses(news / "whole"), abs=1e-8, rel=0)
    first, second = weights(news / "whole"), weights(news / "x")
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("stored", "told", "problem"),
    [
        (["batchnorm=plain"], ["strategy=ddp_cpu"],
         "strategy.devices=2: 2 processes in place of 1: batchnorm=plain takes statistics of the rows of each process, "
         "and the run would be another one"),
        ([], ["strategy=ddp_cpu", "strategy.devices=3"],
         "batch_size=64: not divisible over strategy.devices, 3 processes in all"),
        ([], ["strategy.devices=2"],
         "strategy=single: one process, not 2; use strategy=ddp, or strategy=ddp_cpu without GPUs"),
        ([], ["strategy=ddp_cpu", "strategy.devices=x"], "strategy.devices=x: must be a whole number"),
        (["batchnorm=plain"], ["strategy=single"], None),
        ([], ["strategy=ddp_cpu", "strategy.devices=4"], None),
    ],
)  # fmt: skip
def test_processes_that_a_stored_run_cannot_go_on_in(
    stored: list[str], told: list[str], problem: str | None, tmp_path: Path
) -> None:
    config = tmp_path / ".hydra" / "config.yaml"
    config.parent.mkdir()
    OmegaConf.save(composed([*TINY, *stored]), config)
    if problem is None:
        preflight(["train.py", f"resume={tmp_path}", *told])
        if not stored:  # nor with the same line in the same folder
            preflight(["train.py", *TINY, *told, f"hydra.run.dir={tmp_path}"])
        return
    with pytest.raises(ConfigError) as caught:
        preflight(["train.py", f"resume={tmp_path}", *told])
    assert caught.value.problems == (problem,)
