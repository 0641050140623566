"""A run's folder: the configuration that is stored in it, and whether the run can be resumed or read.

Nothing here imports torch, so that a command line with an error in it is answered at once.
"""

from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.detect import is_detect
from contrastive_lab.config.identity import upgraded
from contrastive_lab.config.trust import (
    read_only,
    untrusted_code,
    untrusted_links,
    untrusted_logger,
    untrusted_names,
    untrusted_resolvers,
)
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.checkpoint import PREVIOUS, readable_checkpoint
from contrastive_lab.record.files import CHECKPOINT, CONFIG
from contrastive_lab.record.result import Status, read_result

DETECTOR = "is a run of detect; give the one that its detector started from"


def store_config(folder: Path, config: DictConfig, hydra: HydraConf) -> None:
    """Write `<folder>/.hydra` as Hydra does: config.yaml, Hydra's own settings in hydra.yaml, and overrides.yaml.

    A K that follows the batch is written as the number that it is.
    """
    stored = (folder / CONFIG).parent
    stored.mkdir(exist_ok=True)
    config = config.copy()
    if "K" in config:
        config.K = config.K
    OmegaConf.save(config, folder / CONFIG)
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), stored / "hydra.yaml")
    OmegaConf.save(hydra.overrides.task, stored / "overrides.yaml")


def has_config(folder: Path) -> bool:
    """Whether a run has stored its configuration in the folder."""
    return (folder / CONFIG).is_file()


def stored_config(folder: Path) -> DictConfig:
    """The configuration of the run in `folder`, in the spelling of this version; its data set is only read.

    Raises:
        ConfigError: if there is none, it cannot be read, or it would run code of others or reach out of its folder.
    """
    check_links(folder)
    _check_wandb(folder)
    path = folder / CONFIG
    try:
        config = OmegaConf.load(path)
    except Exception as error:  # of the file or of its yaml
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    if not isinstance(config, DictConfig) or not config:
        raise ConfigError(f"{path}: is empty")
    if problems := [*untrusted_code(config), *untrusted_resolvers(config)]:
        raise ConfigError(*(f"{path}: {problem}" for problem in problems))
    new = upgraded(config)
    checks = (untrusted_links, untrusted_names, untrusted_logger)  # of values that may now be worked out
    if problems := next(filter(None, ([*check(new)] for check in checks)), []):
        raise ConfigError(*(f"{path}: {problem}" for problem in problems))
    return read_only(new)


def of_encoder(folder: Path, config: DictConfig) -> DictConfig:
    """The configuration of the run in `folder`, which trained an encoder; a ConfigError of one of `detect`."""
    if is_detect(config):
        raise ConfigError(f"{folder}: {DETECTOR}")
    return config


def stored_overrides(folder: Path) -> list[str]:
    """What the run in `folder` was told; empty where that was not stored, or is no list."""
    path = (folder / CONFIG).with_name("overrides.yaml")
    try:
        told = OmegaConf.to_container(OmegaConf.load(path))
    except Exception:  # of the file or of its yaml
        return []
    return [str(override) for override in told] if isinstance(told, list) else []


def check_links(folder: Path, root: Path | None = None) -> None:
    """Raise a ConfigError if a link in a folder leads out of `root`, by default itself: files would land elsewhere.

    W&B's own links below wandb/ lead to its cache.
    """
    inside, of_wandb = (root or folder).resolve(), folder / "wandb"
    links = [path for path in (folder, *folder.rglob("*")) if path.is_symlink() and of_wandb not in path.parents]
    links = [path for path in links if not path.resolve().is_relative_to(inside)]
    if links:
        raise ConfigError(*(f"{path}: a link out of the folder, through which nothing is written" for path in links))


def _check_wandb(folder: Path) -> None:
    """Raise a ConfigError if W&B, which looks in the working directory, would take its server from a run's folder."""
    for path in (Path.cwd() / name / "settings" for name in ("wandb", ".wandb")):
        if path.exists() and path.is_relative_to(folder.resolve()):
            raise ConfigError(f"{path}: W&B's settings are not taken from a run's folder; start in another one")


def check_resume(folder: Path) -> list[str]:
    """The problems, a line each, that keep the run in `folder` from being resumed."""
    if read_result(folder).status is Status.DONE:
        return [f"resume={folder}: that run is finished; nothing is left to do"]
    if has_config(folder) and not has_checkpoint(folder):
        return []  # it was stopped before its first one, and starts anew
    return [f"resume={problem}" for problem in check_stored(folder)]


def check_config(folder: Path) -> list[str]:
    """That there is no run in the folder, in a line, or nothing."""
    return [] if has_config(folder) else [f"{folder}: not the folder of a run (no {CONFIG} in it)"]


def check_stored(folder: Path) -> list[str]:
    """The problems, a line each, that keep the checkpoint of the run in `folder` from being read."""
    if problems := check_config(folder):
        return problems
    if not has_checkpoint(folder):
        return [f"{folder}: has no checkpoint ({CHECKPOINT})"]
    if readable_checkpoint(folder) is None:
        return [f"{folder}: its checkpoint {CHECKPOINT} is damaged and cannot be read"]
    return []


def has_checkpoint(folder: Path) -> bool:
    """Whether the run in `folder` has written a checkpoint."""
    return any((folder / name).is_file() for name in (CHECKPOINT, PREVIOUS))
