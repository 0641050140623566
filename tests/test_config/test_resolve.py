import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.identity import config_hash
from contrastive_lab.config.resolve import resolve, run_steps
from tests.conftest import ROOT

Compose = Callable[..., DictConfig]


@pytest.mark.parametrize(
    ("overrides", "K", "alpha", "pool", "name"),
    [
        (["K=16", "alpha=65536"], 16, 65536, 255, "simo-K16-a65536-s0"),
        (["method=simo"], 255, 256, 255, "simo-K255-a256-s0"),
        (["method=simo", "batch_size=64"], 63, 256, 63, "simo-K63-a256-s0"),
        (["method=simo", "batch_size=512"], 255, 256, 511, "simo-K255-a256-s0"),
        (["method=simclr", "seed=2"], 510, 510, 510, "simclr-K510-a510-s2"),
        (["method=moco_v2", "K=64"], 64, 64, None, "moco_v2-K64-a64-s0"),
        (["method=npid", "K=null"], 4999, 4999, 4999, "npid-K4999-a4999-s0"),
        (["method=npid", "K=16", "loss=nce"], 16, None, 4999, "npid-K16-nce-s0"),
        (["method=swav"], None, None, None, "swav-s0"),
    ],
)
def test_K_and_alpha_are_those_that_a_run_uses(
    overrides: list[str], K: int | None, alpha: float | None, pool: int | None, name: str, compose: Compose
) -> None:
    found = resolve(compose(*overrides))
    assert (found.K, found.alpha, found.pool, found.name) == (K, alpha, pool, name)


def test_the_images_of_a_folder_count_once_they_are_counted(compose: Compose, tmp_path: Path) -> None:
    config = compose("dataset=image_folder", f"dataset.root={tmp_path}", "method=npid", "K=null")
    before = resolve(config)
    after = before.counted(config, 300)
    assert (before.K, after.K, after.alpha, after.pool) == (None, 299, 299, 299)
    assert (before.name, before.hash) == (after.name, after.hash)


def test_the_other_values_are_told_too(compose: Compose) -> None:
    config = compose("strategy=ddp_cpu", "batch_size=64", "K=5")
    found = resolve(config)
    assert (found.processes, found.kind, found.hash) == (2, "images", config_hash(config))
    assert resolve(compose("dataset=ag_news")).kind == "texts"


def test_a_run_resolves_once_and_no_package_but_config_works_the_values_out_by_itself() -> None:
    calls = [
        (path.relative_to(ROOT / "contrastive_lab").as_posix(), node.func.id)
        for path in sorted((ROOT / "contrastive_lab").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert [path for path, name in calls if name == "resolve" and path.startswith("run/")] == ["run/train.py"]
    own = {
        path.split("/")[0]
        for path, name in calls
        if name in ("processes", "kind", "pool_size", "effective_K", "config_hash")
    }
    assert own == {"config"}


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (("K=16", "alpha=256"), "simo-K16-a256-s0"),
        (("K=16", "loss=spectral", "sets=3"), "simo-K16-spectral-sets3-s0"),
        (("K=4", "alpha=inf", "remember=0.1"), "simo-K4-ainf-remember0.1-s0"),
        (("method=npid", "K=16", "loss=nce"), "npid-K16-nce-s0"),
        (("method=swav",), "swav-s0"),
    ],
)
def test_a_name_tells_losses_apart(told: tuple[str, ...], name: str, compose: Compose) -> None:
    assert resolve(compose(*(told if told[0].startswith("method") else ("method=simo", *told)))).name == name


@pytest.mark.parametrize(("most", "steps"), [(None, 95), (-1, 95), (0, 0), (7, 7), (96, 95)])
def test_a_run_has_the_steps_of_its_epochs_or_fewer(most: int | None, steps: int) -> None:
    assert run_steps(19, 5, most) == steps
