"""What is taken from other packages beyond their documented interface still means what its function says."""

import subprocess
import sys
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from contrastive_lab import compat


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


def test_the_command_line_reads_compat_without_lightning() -> None:
    line = "import sys, contrastive_lab.compat; assert not {'torch', 'pytorch_lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", line], check=True)
