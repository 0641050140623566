"""Runs with one thing in them that is hostile, a kind each."""

import os
from pathlib import Path
from typing import Any

import torch
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.commands import train
from contrastive_lab.errors import RunError
from tests.conftest import Line
from tests.sweep_folder import write_run

LINKS: dict[str, dict[str, str]] = {
    "link to a file": dict.fromkeys(("curves.png", "command.txt", "checkpoints/last.ckpt.partial"), "mine"),
    "link to a folder": dict.fromkeys(("embed", "export", "report", "right"), "."),
}
STORED: dict[str, dict[str, Any]] = {  # of a configuration, with PWNED and ELSEWHERE for folders
    "target": {"method._target_": "os.mkdir", "method.path": "PWNED"},
    "plugin": {"backbone._target_": "my_lab.plain_net"},
    "resolver": {"seed": "${new_folder:PWNED}"},
    "resolver in resolver": {"data_dir": "${oc.select:K,${new_folder:PWNED}}"},
    "name": {"evaluation.name": "../../escaped"},
    "folder of W&B": {"logger.dir": "ELSEWHERE", "logger.name": "wandb", "logger.mode": "offline"},
    "server of W&B": {"logger.settings": {"base_url": "http://127.0.0.1:9"}, "logger.name": "wandb"},
    "folder of TensorBoard": {"logger.sub_dir": "../../elsewhere", "logger.name": "tensorboard"},
}
SPLITS: dict[str, dict[str, str]] = {  # of a data set that is not there, with BESIDE for a folder
    "download": {"_target_": "contrastive_lab.dataset.packed", "name": "cifar10"},
    "texts to pack": {
        "_target_": "contrastive_lab.dataset.ag_news",
        **dict.fromkeys(("train_csv", "test_csv"), "BESIDE/a.csv"),
    },
}
KINDS = (*STORED, *SPLITS, "pickle", "yaml tag", *LINKS)


class Payload:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def download(root: str, *_: Any, **__: Any) -> None:
    """What torchvision does first."""
    Path(root).mkdir(parents=True)


def in_this_process(arguments: list[str]) -> None:
    """Train as find_k does in a process of its own."""
    GlobalHydra.instance().clear()
    if code := train.main(["train", *arguments]):
        raise RunError(f"ended with exit code {code}")


def make(run: Path, kind: str, config: DictConfig, elsewhere: Path) -> Path:
    """A run that was interrupted after its checkpoint, with one thing in it that is hostile."""
    pwned = elsewhere.parent / "pwned"
    write_run(run, {"K": 5, "status": "interrupted"})
    (run / ".hydra").mkdir()
    (run / "checkpoints").mkdir()
    (elsewhere.parent / "a.csv").write_text("1,a b,c\n2,b c,a\n" * 9)
    for name in ("last.ckpt", "not_finite.ckpt"):
        torch.save({"state_dict": {}, "global_step": 1}, run / "checkpoints" / name)
    if kind in SPLITS:
        splits = {key: value.replace("BESIDE", str(elsewhere.parent)) for key, value in SPLITS[kind].items()}
        config.dataset.splits = {**splits, "data_dir": "${data_dir}", "write": True}
        config.data_dir = str(elsewhere)
    for key, value in STORED.get(kind, {}).items():
        told = (
            value.replace("PWNED", str(pwned)).replace("ELSEWHERE", str(elsewhere)) if isinstance(value, str) else value
        )
        OmegaConf.update(config, key, told, force_add=True)
    OmegaConf.save(config, run / ".hydra" / "config.yaml")
    if kind == "yaml tag":
        (run / ".hydra" / "config.yaml").write_text(f"seed: !!python/object/apply:os.mkdir ['{pwned}']\n")
    for name in ("last.ckpt", "not_finite.ckpt") if kind == "pickle" else ():
        torch.save(Payload(pwned), run / "checkpoints" / name)
    for name, target in LINKS.get(kind, {}).items():
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(elsewhere / target)
    return run


def check(done: Line, kind: str = "") -> None:
    """The line failed with one readable line for each problem; one of a configuration names the key."""
    errors = done.err.splitlines()
    assert done.code in (1, 2) and errors, done
    assert all(text.startswith(("error: ", "  ")) for text in errors) and "Traceback" not in done.err
    assert not kind or "(traceback in" not in done.err
    if kind in STORED:
        assert f"config.yaml: {next(iter(STORED[kind]))}=" in errors[0]
    if kind in SPLITS:
        assert errors[0].endswith(
            "in it, and a stored run does not say where to write; data_dir=<folder> on the line does"
        )
