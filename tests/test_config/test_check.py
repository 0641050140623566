from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.check import effective_K
from contrastive_lab.errors import ConfigError

Compose = Callable[..., DictConfig]


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)


CANNOT_RUN = [
    (["trainer.accumulate_grad_batches=2"], "trainer.accumulate_grad_batches: must stay 1"),
    (["trainer.use_distributed_sampler=true"], "trainer.use_distributed_sampler: must stay false"),
    (["K=256"], "K=256: more than the N-1 = 255 keys of batch_size=256; lower K or raise N"),
    (["method=simclr", "K=511"], "K=511: more than the 2N-2 = 510"),
    (["method=simclr", "K=256", "method.pool=N-1"], "K=256: more than the N-1 = 255"),
    (["method=moco_v2", "K=null"], "K=null: MoCo v2 keeps a queue"),
    (["trainer.barebones=true"], "trainer.barebones: must stay false"),
    (["strategy=ddp"], "strategy.devices=2: this machine has 0 GPUs; strategy=ddp_cpu needs none"),
    (["batch_size=6000"], "batch_size=6000: more than the 5000 images of dataset=fashion_mnist_mini"),
    (["strategy=ddp_cpu", "batch_size=255", "K=3"], "batch_size=255: not divisible over strategy.devices, 2 processes"),
    (["strategy=ddp_cpu", "strategy.devices=3", "batch_size=240", "K=3", "batchnorm=split"], "batchnorm.groups=8: not"),
    (["batchnorm=split", "batch_size=60", "K=3"], "batch_size=60: not divisible into batchnorm.groups=8"),
    (["strategy.devices=2"], "strategy=single: one process, not 2; use strategy=ddp"),
    (["method=simclr", "batchnorm=shuffle"], "batchnorm=shuffle: SimCLR has no key encoder"),
    (["dataset=image_folder", "dataset.root=/no/such"], "dataset.root=/no/such: no such folder"),
]


@pytest.mark.parametrize(
    ("overrides", "message"), CANNOT_RUN, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_settings_that_cannot_run_together_are_one_line_that_names_a_key(
    overrides: list[str], message: str, compose: Compose
) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*overrides)
    (problem,) = [p for p in caught.value.problems if message in p]
    assert "\n" not in problem


def test_a_missing_package_is_named(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.config.check.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"logger=tensorboard: not installed; pip install"):
        compose("logger=tensorboard")


@pytest.mark.parametrize(
    ("overrides", "K"),
    [(["K=16"], 16), (["K=null"], 255), (["method=simclr"], 510), (["method=simclr", "method.pool=N-1"], 255)],
)
def test_effective_K(overrides: list[str], K: int, compose: Compose) -> None:
    assert effective_K(compose(*overrides)) == K
