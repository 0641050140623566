"""Configuration: types, checks and the command line. Nothing here imports torch, so errors come at once."""

import os
from pathlib import Path

from omegaconf import OmegaConf

PACKAGE = Path(__file__).parents[1]
# A wheel holds inside of the package, under the same names, what lies beside it in a checkout (setup.py).
SHARE = PACKAGE if (PACKAGE / "conf").is_dir() else PACKAGE.parent
CONF = SHARE / "conf"
FURTHER = "CONTRASTIVE_LAB_CONF"  # variable with further folders, which a process hands on to those that it starts


def options(group: str) -> list[str]:
    """The options of a group: the files of its folder, or of the folders in it where it has none, as "eqco/fig4"."""
    found = set[str]()
    for folder in (place / group for place in folders()):
        files = [*folder.glob("*.yaml")] or folder.glob("*/*.yaml")
        found |= {path.relative_to(folder).with_suffix("").as_posix() for path in files}
    return sorted(found)


def folders() -> tuple[Path, ...]:
    """Where options are looked up: conf/, then what `--config-dir` and hydra.searchpath name."""
    return CONF, *(Path(folder) for folder in os.environ.get(FURTHER, "").split(os.pathsep) if folder)


def yaml_of(name: str) -> Path | None:
    """The file of an option, e.g. "method/simo"; None where there is none."""
    return next((path for folder in folders() if (path := folder / f"{name}.yaml").is_file()), None)


def chosen_yaml(group: str, option: str) -> Path:
    """The file of one of the `options` of a group."""
    path = yaml_of(f"{group}/{option}")
    assert path is not None
    return path


def held(K: int, N: int) -> int:
    """K negatives, or the other images of a batch of N where these are fewer: ${held:255,${batch_size}}."""
    return min(K, N - 1)


OmegaConf.register_new_resolver("held", held, replace=True)  # here, as a stored configuration may have it
