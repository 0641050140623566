"""Each private part of packages but Hydra that compat.py names, by what the project needs of it."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from contrastive_lab import compat
from contrastive_lab.compat import workspace_json
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.run.console import quiet


class Least(pl.LightningModule):
    """A module with one number to learn, which notes what the functions say before each step."""

    def __init__(self) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[int, int]] = []

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        self.seen.append((index, compat.batches_started(self.trainer)))
        return self.number * batch.sum()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Data(pl.LightningDataModule):
    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(torch.ones(3))  # type: ignore[arg-type]


class Nothing(pl.Callback):
    pass


def trainer(**options: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, max_epochs=2, **options,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning's advice on workers
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_batches_started_and_attached_data() -> None:
    made, module, data = trainer(), Least(), Data()
    made.fit(module, data)
    # batch_progress.current.ready counts the batch that is being worked on, and begins anew with each epoch.
    assert module.seen == [(0, 1), (1, 2), (2, 3)] * 2
    assert compat.attached_data(made) is data


def test_callbacks_of_and_logging_interval() -> None:
    own = [Nothing(), Nothing()]
    made = trainer(callbacks=own, log_every_n_steps=7)
    assert [callback for callback in compat.callbacks_of(made) if isinstance(callback, Nothing)] == own
    assert compat.logging_interval(made) == 7


class Logs(Least):
    """Logs a number of each step, and its mean of the epoch."""

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        self.log("index", float(index + 3 * self.current_epoch), on_epoch=True)
        return super().training_step(batch, index)


class AtTheEnd(pl.Callback):
    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seen.append(compat.logged_next(trainer))


def test_logged_next_are_what_a_logger_gets_of_the_epoch(tmp_path: Path) -> None:
    probe, logger = AtTheEnd(), MetricsFile(tmp_path)
    made = pl.Trainer(
        accelerator="cpu", logger=logger, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, max_epochs=2, callbacks=[probe], log_every_n_steps=1,
    )  # fmt: skip
    with quiet():
        made.fit(Logs(), Data())
    assert probe.seen == [{"index_epoch": 1.0}, {"index_epoch": 4.0}]  # means of 0, 1, 2 and of 3, 4, 5
    with (tmp_path / "metrics.csv").open() as file:
        logged = [float(row["index_epoch"]) for row in csv.DictReader(file) if row["index_epoch"]]
    assert logged == [1.0, 4.0]


def test_the_command_line_reads_compat_without_lightning() -> None:
    line = "import sys, contrastive_lab.compat; assert not {'torch', 'pytorch_lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", line], check=True)


ORDER = """
import multiprocessing, signal, time
from contrastive_lab.compat import before_processes_end

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)

child = multiprocessing.get_context("fork").Process(target=deaf, daemon=True)
child.start()
time.sleep(0.5)
before_processes_end(lambda: (print("first"), child.kill()))
"""


def test_before_processes_end_comes_before_they_are_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", ORDER], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "first\n")


def test_workspace_json_names_the_workspace() -> None:
    workspaces = pytest.importorskip("wandb_workspaces.workspaces")
    stored = json.loads(workspace_json(workspaces.Workspace(entity="lab", project="p", name="K against alpha")))
    assert "K against alpha" in json.dumps(stored)


@pytest.mark.parametrize("offline", [True, False])
def test_the_hub_is_asked_for_its_cache_alone_where_it_cannot_be_reached(offline: bool) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    before, asked = constants.is_offline_mode(), []
    with compat.hub_offline(lambda host: (asked.append(host), offline)[1]):
        assert constants.is_offline_mode() is (before or offline)
    assert constants.is_offline_mode() is before and asked == ["huggingface.co"]


def test_torch_compile_makes_code_for_more_than_eight_shapes() -> None:
    made: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        made.append(graph)
        return graph.forward

    compat.any_number_of_shapes()
    double = torch.compile(lambda x: 2 * x, backend=backend, dynamic=False)
    for n in range(1, 13):
        assert torch.equal(double(torch.ones(n)), torch.full((n,), 2.0))
    assert len(made) == 12
