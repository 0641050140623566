from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.devices import no_compiler, processes
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


@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
def test_a_compiler_may_have_options(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++ -O2")
    assert compose("strategy.compile=true").strategy.compile


def test_a_compiler_that_compiles_nothing_is_named_before_the_run(
    compose: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no room left >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(ConfigError, match=r"strategy.compile=true: .*broken compiles nothing here \(no room left\)"):
        compose("strategy.compile=true")
