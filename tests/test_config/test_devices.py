import sys
from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.devices import processes
from contrastive_lab.errors import ConfigError

Compose = Callable[..., DictConfig]


def test_processes_are_those_of_all_machines(compose: Compose) -> None:
    assert processes(compose("strategy=ddp_cpu")) == 2
    config = compose("strategy=ddp_cpu", "strategy.devices=4")
    config.trainer.num_nodes = 2
    assert processes(config) == 8


def test_a_missing_compiler_is_named(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    compose("strategy.compile=false")
    with pytest.raises(ConfigError, match=r"strategy.compile=true: .*no-such-compiler"):
        compose("strategy.compile=true")


def test_a_compiler_may_have_options(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"{sys.executable} -O2")
    assert compose("strategy.compile=true").strategy.compile
