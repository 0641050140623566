"""Whether a stored run can be resumed or read."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.result import Result, Status
from contrastive_lab.record.run import check_links, check_resume, check_stored, has_config, store_config, stored_config


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A run that was stopped, as far as it is looked at."""
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text("K: 4\n")
    (tmp_path / "checkpoints").mkdir()
    with zipfile.ZipFile(tmp_path / "checkpoints" / "last.ckpt", "w") as file:
        file.writestr("data.pkl", b"x")
    Result(Status.INTERRUPTED).write(tmp_path)
    return tmp_path


def test_a_run_that_was_stopped_is_resumed_and_one_that_is_done_is_not(stored: Path) -> None:
    assert check_resume(stored) == check_stored(stored) == []
    Result(Status.DONE).write(stored)
    assert check_resume(stored) == [f"resume={stored}: that run is finished; nothing is left to do"]
    assert check_stored(stored) == []


def test_a_link_out_of_the_folder_is_named_but_for_those_that_wandb_makes_to_its_cache(stored: Path) -> None:
    (stored / "wandb").mkdir()
    (stored / "wandb" / "debug.log").symlink_to("/tmp")
    (stored / "best.ckpt").symlink_to(stored / "checkpoints" / "last.ckpt")
    check_links(stored)
    (stored / "right").symlink_to("/tmp")
    with pytest.raises(ConfigError, match=r"right: a link out of the folder, through which nothing is written"):
        check_links(stored)


@pytest.mark.parametrize("name", ["wandb", ".wandb"])
def test_settings_of_wandb_are_not_taken_from_a_runs_folder(
    name: str, stored: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (stored, stored / "checkpoints", mine := tmp_path_factory.mktemp("mine")):
        (folder / name).mkdir()
        (folder / name / "settings").write_text("[default]\nbase_url = http://example.com\n")
    monkeypatch.chdir(mine)
    assert stored_config(stored).K == 4
    for folder in (stored, stored / "checkpoints"):
        monkeypatch.chdir(folder)
        with pytest.raises(ConfigError, match=rf"{folder / name}/settings: W&B's settings are not taken from a run"):
            stored_config(stored)


def test_what_is_missing_is_named(stored: Path) -> None:
    checkpoint = stored / "checkpoints" / "last.ckpt"
    checkpoint.write_text("half a file")
    assert check_stored(stored) == [f"{stored}: its checkpoint checkpoints/last.ckpt is damaged and cannot be read"]
    checkpoint.unlink()
    assert check_stored(stored) == [f"{stored}: has no checkpoint (checkpoints/last.ckpt)"]
    assert check_resume(stored) == []  # stopped before its first one, it starts anew
    (stored / ".hydra" / "config.yaml").unlink()
    assert check_stored(stored) == [f"{stored}: not the folder of a run (no .hydra/config.yaml in it)"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("{", "cannot be read"),
        ("method: {_target_: os.system}", "config.yaml: .*os.system"),
    ],
)
def test_a_configuration_that_cannot_be_trusted_is_not_read(text: str, problem: str, stored: Path) -> None:
    assert stored_config(stored).K == 4
    (stored / ".hydra" / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        stored_config(stored)


def test_a_configuration_is_stored_with_its_overrides_and_hydras_settings(tmp_path: Path) -> None:
    hydra = OmegaConf.create({"overrides": {"task": ["K=4"]}, "job": {"name": "x"}})
    assert not has_config(tmp_path)
    store_config(tmp_path, OmegaConf.create({"K": 4}), hydra)
    assert has_config(tmp_path) and stored_config(tmp_path).K == 4
    assert (tmp_path / ".hydra" / "overrides.yaml").read_text() == "- K=4\n"
    assert OmegaConf.load(tmp_path / ".hydra" / "hydra.yaml") == {"hydra": hydra}


def test_a_K_that_follows_the_batch_is_stored_as_the_number_that_it_is(
    compose: Callable[..., DictConfig], tmp_path: Path
) -> None:
    hydra = OmegaConf.create({"overrides": {"task": []}})
    store_config(tmp_path, compose("batch_size=64"), hydra)
    assert "K: 63" in (tmp_path / ".hydra" / "config.yaml").read_text().splitlines()
    assert stored_config(tmp_path).K == 63
