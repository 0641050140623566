"""Evaluate the encoder of a stored run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from contrastive_lab.augment import Recipe
from contrastive_lab.config import options
from contrastive_lab.config.overrides import composed
from contrastive_lab.dataset import Arrays, Files, ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.protocols import knn
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.record.checkpoint import readable_checkpoint
from contrastive_lab.record.files import CHECKPOINT, read_json, write_json
from contrastive_lab.record.result import Status, read_result
from contrastive_lab.record.right import TRANSFER, write_right
from contrastive_lab.record.run import stored_config
from contrastive_lab.run.build import build_data, build_encoder, score
from contrastive_lab.run.console import few_neighbours
from contrastive_lab.run.start import tensors_of
from contrastive_lab.waiting import alone

NAMED = ("name", "_target_")  # of the node of a protocol, beside its settings


def load_stored(net: nn.Module, folder: Path, prefix: str, path: Path | None = None) -> int:
    """Load what a checkpoint, by default the last of the run in `folder`, has under a prefix; returns its steps."""
    checkpoint = tensors_of(path or readable_checkpoint(folder) or folder / CHECKPOINT)
    state = checkpoint["state_dict"].items()
    net.load_state_dict({key.removeprefix(prefix): value for key, value in state if key.startswith(prefix)})
    return int(checkpoint["global_step"])


def stored_encoder(folder: Path, config: DictConfig) -> tuple[Encoder, int]:
    """The encoder of a run's last checkpoint on this machine's device, and how many steps it has had."""
    encoder = build_encoder(config)
    steps = load_stored(encoder, folder, "encoder.")
    return encoder.to("cuda" if torch.cuda.is_available() else "cpu"), steps


def stored_classifier(folder: Path, encoder: Encoder) -> nn.Linear | None:
    """The classifier of a run's last checkpoint, on the device of its encoder; None of a method that trains none."""
    state = tensors_of(readable_checkpoint(folder) or folder / CHECKPOINT)["state_dict"]
    if "classifier.weight" not in state:
        return None
    classes, features = state["classifier.weight"].shape
    classifier = nn.Linear(features, classes)
    load_stored(classifier, folder, "classifier.")
    return classifier.to(next(encoder.parameters()).device)


def final_scores(config: DictConfig, method: ContrastiveModule[Any], data: ViewsDataModule) -> dict[str, Scores]:
    """The final evaluation, and kNN where the training had no epoch to measure it in; empty without labels.

    Every process takes part, and the first one has the scores.
    """
    if not data.splits.probed:
        return {}
    name, neighbours = config.evaluation.name, config.probes.knn
    found = {name: score(config, method.encoder, data, getattr(method, "classifier", None))}
    if config.epochs == 0 and name != "knn":
        of = _probed(config)
        found["knn"] = knn(method.encoder, data, of, k=neighbours.k, temperature=neighbours.temperature)
    return {name: scores for name, scores in found.items() if scores}


def _probed(config: DictConfig) -> str:
    """The features of a run's own kNN: h, and without an epoch pixels where its final evaluation is of these."""
    return "pixels" if config.epochs == 0 and config.evaluation.get("features") == "pixels" else "h"


def top5_of(scores: Scores, data: ViewsDataModule) -> float | None:
    """The top-5 accuracy in percent; None of five classes or fewer, of which it is 100."""
    return scores.top5 if data.splits.classes > 5 else None


def by_method(config: DictConfig) -> list[str]:
    """The override that asks for a configuration's method, whose protocol may be its own; none for a plugin's."""
    method = str(config.method_info.id)
    return [f"method={method}"] if method in options("method") else []


def score_name(run: DictConfig, asked: DictConfig, other: str = "") -> str:
    """What the accuracies of an evaluation are called in the result.json of a run, less "_top1", e.g. "linear".

    Settings stand in it where they are not those with which the run itself scores so, else those of the protocol's
    yaml, e.g. "knn_k20" or "mean_h". On another data set the name of that comes first, e.g. "transfer_cifar10_knn".
    """
    knn_of_run = {"features": _probed(run), **run.probes.knn}
    own = {"knn": knn_of_run, run.evaluation.name: run.evaluation} if not other else {}
    usual = own.get(asked.name) or composed([*by_method(run), f"evaluation={asked.name}"]).evaluation
    differing = [(key, value) for key, value in asked.items() if key not in NAMED and value != usual.get(key)]
    settings = [str(value) if key == "features" else f"{key!s}{value}".removesuffix(".0") for key, value in differing]
    return "_".join([*([f"{TRANSFER}{other}"] if other else []), asked.name, *settings])


def evaluate_run(folder: Path, config: DictConfig, other: str = "") -> str:
    """Score a run's last checkpoint into a file of its folder, and into result.json if it is done; returns a line.

    The file is `evaluation_<name>_<settings>.json`, the keys of result.json begin with the `score_name`; `other` is the
    name of another data set that the configuration has. What the run scored itself stays as it is; where the data are
    not those of the run, or of an earlier transfer, their hash stands in both names, so that no mean mixes them.
    """
    data, result, asked = build_data(config), read_result(folder), config.evaluation
    run = stored_config(folder)
    encoder, step = stored_encoder(folder, config)
    if not data.splits.probed:
        raise ConfigError(f"dataset={config.dataset.name}: no labelled test images to evaluate on")
    settings = {key: value for key, value in asked.items() if key not in NAMED}
    stem = "_".join([*([f"{TRANSFER}{other}"] if other else []), asked.name, *map(str, settings.values())])
    notices, own = data_notices(data) if other else [], "_".join([stem, data.hash])
    then = _evaluated_before(folder, stem) if other else result.data_hash
    if changed := then not in (None, data.hash):
        whose = f"those of {other} before" if other else "those of the run"
        notices += [f"evaluated on other data than {whose} ({then} then, {data.hash} now), kept by a name of its own"]
    notices += few_neighbours(asked.get("k", 0), data.splits)
    print(*(f"notice: {notice}\n" for notice in notices), sep="", end="", flush=True)
    scores = score(config, encoder, data, stored_classifier(folder, encoder))
    assert scores is not None  # a command of one process
    top5 = top5_of(scores, data)
    values = {"evaluation": asked.name, **settings, "top1": scores.top1, "top5": top5, "step": step}
    write_json(folder / f"evaluation_{own if changed else stem}.json", values | {"data_hash": data.hash})
    name = "_".join([score_name(run, asked, other), *([data.hash] if changed else [])])
    with alone(folder):
        _keep(folder, ("knn", run.evaluation.name), name, scores, top5)
    where = f" of {other}" if other else ""
    told = f"{scores.top1:.2f} % top-1" + (f", {top5:.2f} % top-5" if top5 is not None else "")
    return f"{asked.name} on {asked.features}{where}: {told} ({folder})"


def _evaluated_before(folder: Path, stem: str) -> str | None:
    """The hash of the data on which this run, or another of its sweep, was evaluated so; None of the first one."""
    for path in (folder / f"evaluation_{stem}.json", *sorted(folder.parent.glob(f"*/evaluation_{stem}.json"))):
        if path.is_file() and (told := read_json(path).get("data_hash")):
            return str(told)
    return None


def data_notices(data: ViewsDataModule) -> list[str]:
    """What is to be said of a data set that the encoder was not trained on."""
    shown, recipe = data.splits.test or data.splits.pretrain, data.recipe
    notices = [*data.splits.notices]
    if isinstance(shown, Arrays) and isinstance(recipe, Recipe) and shown.images.shape[1:3] != (recipe.size,) * 2:
        sides = " x ".join(map(str, shown.images.shape[1:3]))
        notices.append(f"images of {sides} pixels are resized to {recipe.size} x {recipe.size}, those of the encoder")
    elif isinstance(shown, Files) and isinstance(recipe, Recipe):
        notices.append(
            f"images are cropped at their centre to {recipe.size} x {recipe.size} pixels, those of the encoder"
        )
    return notices


def _keep(folder: Path, own: Sequence[str], name: str, scores: Scores, top5: float | None) -> None:
    """Add the accuracies to the result of a run that is done, unless the run has measured them itself.

    It is read anew: while these were measured another process may have added its own.
    """
    result = read_result(folder)
    measured = result.scores.get(f"{name}_top1") is not None and name in own
    if result.status is Status.DONE and not measured:
        result.scores |= {f"{name}_top1": scores.top1, f"{name}_top5": top5}
        result.write(folder)
        write_right(folder, name, scores.right)
