from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.identity import LATER, config_hash, differences, identity, upgraded

Compose = Callable[..., DictConfig]


@pytest.mark.parametrize(
    "override",
    ["K=16", "alpha=1024", "tau=0.1", "seed=1", "epochs=2", "base_lr=0.1", "batch_size=512",
     "method.negatives_per=batch",
     "augment.blur=0.5", "backbone.widths=[8]", "trainer.precision=64-true", "method=simclr", "head.dim=64",
     "optim.momentum=0.8", "batchnorm=split", "dataset=fashion_mnist", "trainer.max_steps=5"],
)  # fmt: skip
def test_the_hash_covers_what_changes_the_result(override: str, compose: Compose) -> None:
    assert config_hash(compose(override)) != config_hash(compose())


@pytest.mark.parametrize(
    "override",
    ["logger=wandb", "strategy=ddp_cpu", "data_dir=/elsewhere", "checkpoint_every_n_steps=3",
     "trainer.enable_progress_bar=false", "K=255"],
)  # fmt: skip
def test_the_hash_omits_loggers_folders_and_devices(override: str, compose: Compose) -> None:
    assert config_hash(compose(override)) == config_hash(compose())


def test_two_folders_of_images_are_two_data_sets(tmp_path: Path, compose: Compose) -> None:
    for name in ("a/cats", "b/cats", "b/dogs"):
        (tmp_path / name).mkdir(parents=True)
    here, moved, other = (
        config_hash(compose("dataset=image_folder", f"dataset.root={tmp_path / name}"))
        for name in ("a/cats", "b/cats", "b/dogs")
    )
    assert here == moved != other


def test_a_setting_that_came_later_leaves_older_runs_what_they_were(compose: Compose) -> None:
    now = identity(compose("backbone=resnet50"))
    assert not {"head.last_norm", "backbone.width", *LATER} & now.keys()
    changed = identity(compose("backbone=resnet50", "backbone.width=2", "head.last_norm=false"))
    assert changed == {**now, "backbone.width": 2, "head.last_norm": False}


def test_packed_images_are_other_ones(tmp_path: Path, compose: Compose) -> None:
    line = ("dataset=image_folder", f"dataset.root={tmp_path}", "dataset.size=32")
    assert "dataset.pack" not in identity(compose(*line))
    assert identity(compose(*line, "dataset.pack=64"))["dataset.pack"] == 64


def test_differences_name_the_keys(compose: Compose) -> None:
    assert differences(identity(compose("K=4")), identity(compose("K=8"))) == ["K: 4, not 8"]


def test_what_a_scale_is_called_is_no_part_of_the_identity(compose: Compose) -> None:
    assert identity(compose("scale.small_views=5")) == identity(compose())  # of multi_crop alone
    assert not [key for key in identity(compose()) if key.startswith(("scale.", "method_info."))]


def test_an_upgraded_configuration_has_the_identity_it_had() -> None:
    text = "about: {id: simo, pool: N-1}\nmethod: {share: batch}\nname: ${about.id}\ntau: 0.2"
    old = DictConfig(OmegaConf.create(text))
    new = upgraded(old)
    assert new == {
        "method_info": {"id": "simo", "pool": "N-1"},
        "method": {"negatives_per": "batch"},
        "name": "simo",
        "tau": 0.2,
        "loss": {"name": "info_nce"},
        **LATER,
    }
    assert identity(old) == identity(new) == {"method.negatives_per": "batch", "name": "simo", "tau": 0.2}
