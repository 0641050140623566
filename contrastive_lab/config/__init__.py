"""Configuration: types, checks and the command line. Nothing here imports torch, so errors come at once."""

from pathlib import Path

from omegaconf import OmegaConf

PACKAGE = Path(__file__).parents[1]
# A wheel holds inside of the package, under the same names, what lies beside it in a checkout (setup.py).
SHARE = PACKAGE if (PACKAGE / "conf").is_dir() else PACKAGE.parent
CONF = SHARE / "conf"


def options(group: str) -> list[str]:
    """The options of a group: the files of its folder, or of the folders in it where it has none, as "eqco/fig4"."""
    folder = CONF / group
    files = [*folder.glob("*.yaml")] or folder.glob("*/*.yaml")
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in files)


def held(K: int, N: int) -> int:
    """K negatives, or the other images of a batch of N where these are fewer: ${held:255,${batch_size}}."""
    return min(K, N - 1)


OmegaConf.register_new_resolver("held", held, replace=True)  # here, as a stored configuration may have it
