"""Several processes compute what one process with the whole batch computes."""

import csv
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing

from contrastive_lab import distributed
from contrastive_lab.backbone import small_resnet
from contrastive_lab.batchnorm import convert
from contrastive_lab.dataset import Batch
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.errors import SignalError
from contrastive_lab.method import NPID, MoCo, SimCLR, SiMo, SupCon, Supervised, SwAV
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.objective import Objective
from contrastive_lab.randomness import StepRandom
from contrastive_lab.run.signals import heeded
from tests.conftest import ROOT, TINY, command, only_run
from tests.small_texts import SMALL
from tests.test_run.test_train import weights

N, STEPS, INF = 16, 3, float("inf")


def remembering() -> Objective:
    return Objective(remember=0.7, images=N * STEPS, directions=2)


CASES = {
    "simclr": ("sync", lambda encoder: SimCLR(encoder, K=9, tau=0.2)),
    "simclr-all-split": ("split", lambda encoder: SimCLR(encoder, tau=0.2)),
    "simo": ("sync", lambda encoder: SiMo(encoder, K=4, alpha=64, momentum=0.5)),
    "simo-shared": (
        "shuffle",
        lambda encoder: SiMo(encoder, K=4, negatives_per="batch", momentum=0.5, batchnorm="shuffle"),
    ),
    "npid-remember": ("split", lambda encoder: NPID(encoder, N * STEPS, 7, INF, 0.2, objective=remembering())),
    "simclr-remember": ("sync", lambda encoder: SimCLR(encoder, K=9, alpha=INF, tau=0.2, objective=remembering())),
    "simo-dclw": ("sync", lambda encoder: SiMo(encoder, K=4, alpha=INF, objective=Objective(dclw_sigma=0.5))),
    "simo-sets-own": (
        "sync",
        lambda encoder: SiMo(encoder, K=4, objective=Objective("hard", sets=2, beta=1.0), own_class_share=0.25),
    ),
    "moco": ("shuffle", lambda encoder: MoCo(encoder, K=27, momentum=0.5)),
    "swav": ("sync", lambda encoder: SwAV(encoder, prototypes=5, queue=2 * N, queue_from_epoch=0)),
    "npid": ("split", lambda encoder: NPID(encoder, N * STEPS, K=7, tau=0.2)),
    "npid-nce": (
        "split",
        lambda encoder: NPID(encoder, N * STEPS, K=7, tau=0.2, proximal=0.1, objective=Objective("nce")),
    ),
    "supcon": ("sync", lambda encoder: SupCon(encoder, tau=0.2)),
    "supervised": ("split", lambda encoder: Supervised(encoder, 3)),
    "moco-symmetric": ("split", lambda encoder: MoCo(encoder, K=27, symmetric=True, momentum=0.5, batchnorm="split")),
}


def build(name: str, world: int) -> ContrastiveModule:
    torch.manual_seed(0)
    encoder = Encoder(small_resnet((8, 16)), build_head("mlp_bn", 16, dim=6))
    kind, make = CASES[name]
    return make(convert(encoder, kind, groups=4, world_size=world)).double()


def follow(
    name: str, dtype: torch.dtype = torch.float64, steps: Iterable[int] = range(STEPS), state: Any = None
) -> dict[str, Any]:
    """A few steps of plain SGD on this process's rows, with gradients averaged as DDP does, from a state on."""
    rank, world = distributed.rank(), distributed.world_size()
    method, rows = build(name, world).to(dtype), N // world
    method.load_state_dict(state or method.state_dict())
    losses, gradients, classes = [], [], torch.arange(N * STEPS) % 3
    for step in steps:
        source = torch.Generator().manual_seed(step)
        views = [torch.randn(N, 3, 8, 8, generator=source, dtype=torch.float64).to(dtype) for _ in range(2)]
        own = slice(rank * rows, (rank + 1) * rows)
        ids = (torch.arange(N) + step % 2 * N)[own]  # the third batch has the images of the first
        batch = Batch([view[own] for view in views], ids, StepRandom(0, 0, step, N, rank * rows, rows), classes)
        loss = method.losses(method.pairs(batch)).mean()
        parameters = [parameter for parameter in method.parameters() if parameter.requires_grad]
        grads = [distributed.mean(grad) for grad in torch.autograd.grad(loss, parameters, allow_unused=False)]
        with torch.no_grad():
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter -= 0.1 * grad
        method.objective.after_step()
        method.after_step()
        losses.append(distributed.mean(loss.detach()))
        gradients.append(grads)
    found = {"losses": losses, "gradients": gradients, "buffers": dict(method.named_buffers())}
    return {**found, "state": method.state_dict()}


def start(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/store{world}", rank=rank, world_size=world)


def worker(rank: int, world: int, folder: str) -> None:
    start(rank, world, folder)
    found: dict[str, Any] = {name: follow(name) for name in CASES}
    found |= {f"{name}-float32": follow(name, torch.float32) for name in CASES}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(worker, args=(2, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_a_process_that_waits_for_the_others_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """They never come, and at the third look a signal does."""
    looks = []

    class Never:
        def is_completed(self) -> bool:
            looks.append(None)
            if len(looks) == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return False

    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", lambda *_, **__: Never())
    with pytest.raises(SignalError), heeded():
        distributed.meet(torch.device("cpu"))
    assert len(looks) == 3


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_two_processes_equal_one(name: str, two_processes: list[dict[str, Any]]) -> None:
    """Losses, gradients, queues, key encoders and running statistics, over several steps."""
    alone = follow(name)
    for together in two_processes:
        torch.testing.assert_close(together[name]["losses"], alone["losses"], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(together[name]["gradients"], alone["gradients"], rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(together[name]["buffers"], alone["buffers"], rtol=1e-8, atol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_two_processes_start_like_one_in_float32(name: str, two_processes: list[dict[str, Any]]) -> None:
    alone, together = follow(name, torch.float32), two_processes[0][f"{name}-float32"]
    torch.testing.assert_close(together["losses"][0], alone["losses"][0], rtol=1e-5, atol=0)
    for ours, theirs in zip(together["gradients"][0], alone["gradients"][0], strict=True):
        assert (ours - theirs).norm() <= 1e-3 * theirs.norm().clamp(min=1e-3)


def test_gradients_are_not_zero() -> None:
    """Else the comparison above would say nothing."""
    for name in CASES:
        assert all(grad.abs().max() > 1e-6 for grad in follow(name)["gradients"][0] if grad.ndim > 1)


def test_one_process_needs_no_collective() -> None:
    x = torch.randn(3, 2)
    assert distributed.gather(x) is x and distributed.mean(x) is x
    assert (distributed.rank(), distributed.world_size(), distributed.is_first()) == (0, 1, True)
    distributed.leave()  # nothing to leave


def losses(folder: Path) -> list[float]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]


def run(devices: int, *arguments: str, cwd: Path, script: str = "train.py", code: int = 0) -> Path:
    cwd.mkdir()
    done = command(script, *arguments, "strategy=ddp_cpu", f"strategy.devices={devices}", cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    return only_run(cwd)


@pytest.mark.long
@pytest.mark.parametrize("method", ["simclr", "moco_v2", "simo"])
def test_1_2_and_4_processes_train_alike(method: str, tmp_path: Path) -> None:
    exact = (f"method={method}", "K=20", "trainer.limit_train_batches=20", "trainer.precision=64-true")
    one, two, four = (run(devices, *TINY, *exact, cwd=tmp_path / str(devices)) for devices in (1, 2, 4))
    assert len(losses(one)) == 20
    assert losses(two) == pytest.approx(losses(one), abs=1e-8, rel=0)
    assert losses(four) == pytest.approx(losses(one), abs=1e-8, rel=0)
    scores = [json.loads((folder / "result.json").read_text()) for folder in (one, two, four)]
    for name in ("online_top1", "knn_top1", "linear_top1"):  # the probes' gradients and statistics are global too
        assert scores[1][name] == pytest.approx(scores[0][name], abs=0.11)  # one of 1,000 images
        assert scores[2][name] == pytest.approx(scores[0][name], abs=0.11)


@pytest.mark.long
def test_a_distributed_run_is_one_run(tmp_path: Path) -> None:
    """float32: the first loss agrees to 1e-5; one folder, one result, probes scored once."""
    one, two = (run(devices, *TINY, "method=simo", cwd=tmp_path / str(devices)) for devices in (1, 2))
    assert losses(two)[0] == pytest.approx(losses(one)[0], rel=1e-5)
    assert (two / "result.json").is_file()
    assert len((two / "command.txt").read_text().splitlines()) == 1


STOPPED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from contrastive_lab.commands import train
from contrastive_lab.errors import RunError
from contrastive_lab.run.callbacks import LastCheckpoint
save = LastCheckpoint.save
def stop(self, trainer):
    if trainer.global_step == 7:
        raise RunError("stopped")
    save(self, trainer)
LastCheckpoint.save = stop
sys.exit(train.main(sys.argv))
"""  # the last checkpoint is that of step 6 of 8


@pytest.mark.long
@pytest.mark.parametrize("method", ["simclr", "npid batchnorm=sync"])
def test_normalisers_of_texts_met_twice_are_those_of_one_process_and_resume(method: str, news: Path) -> None:
    """Two epochs of 4 steps of 16 of 64 texts; a run of two processes that was stopped in the second has their bits."""
    exact = (
        *SMALL, *f"method={method} K=6 alpha=inf remember=0.7".split(), f"data_dir={news}",
        "trainer.precision=64-true", "checkpoint_every_n_steps=1",
    )  # fmt: skip
    one, two, four = (run(devices, *exact, cwd=news / str(devices)) for devices in (1, 2, 4))
    kept = weights(one)["objective.log_normaliser"]
    assert kept.shape[1] == 64 and kept.abs().min() > 1e-3 and kept.std() > 1e-2
    for folder in (two, four):
        assert losses(folder) == pytest.approx(losses(one), abs=1e-8, rel=0)
        torch.testing.assert_close(weights(folder)["objective.log_normaliser"], kept, rtol=0, atol=1e-8)
        assert weights(folder)["objective.seen"].all()
    (news / "stopped.py").write_text(STOPPED)
    stopped = run(2, *exact, cwd=news / "stopped", script=str(news / "stopped.py"), code=1)
    first = weights(stopped)["objective.log_normaliser"]
    assert ((first - kept).abs() > 1e-4).all(dim=0).sum() == 32  # those of the last two steps
    done = command(f"resume={stopped}", cwd=news)
    assert done.returncode == 0, done.stdout + done.stderr
    whole, resumed = weights(two), weights(stopped)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
