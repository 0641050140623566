"""The settings of a run: those without a group, and the groups but methods and data. Their values stand in conf/."""

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from pydantic import AfterValidator, BaseModel, Field

from contrastive_lab.config import chosen_yaml, data, detect, methods, theory, trainer, yaml_of
from contrastive_lab.config.methods import BatchnormKind
from contrastive_lab.config.model import Settings, null, problems
from contrastive_lab.config.signature import model_of_plugin

All = Annotated[int | None, null("for all")]
AsK = Annotated[float | None, Field(gt=0, allow_inf_nan=True), null("for alpha = K, inf for DCL")]


def _increasing(shares: list[float]) -> list[float]:
    if not all(low < high for low, high in pairwise([0, *shares, 1])):
        raise ValueError("increasing shares between 0 and 1, e.g. [0.6,0.8]")
    return shares


Shares = Annotated[list[float], AfterValidator(_increasing), Field(examples=[[0.6, 0.8]])]


class Run(Settings):
    """Settings without a group."""

    K: All = Field(ge=1, description="negatives of a query; null: all that the batch holds")
    alpha: AsK = Field(description="EqCo: behave as with alpha negatives; null: alpha = K, as in InfoNCE; inf: DCL")
    tau: float = Field(gt=0, description="temperature")
    dclw_sigma: float | None = Field(gt=0, description="DCLW's weight of the positive, at alpha=inf; null: none")
    sets: int = Field(ge=1, description="R, sets of K negatives; the loss is the mean over them")
    remember: float | None = Field(
        ge=0,
        lt=1,
        description="weight of the old value in each image's running normaliser (SogCLR); null: none is kept",
    )
    own_class_share: float | None = Field(
        ge=0, le=1, description="an oracle: share of negatives of the query's own class, by labels; null: by chance"
    )
    batch_size: int = Field(ge=2, description="N, queries of a step over all devices")
    epochs: int = Field(ge=0, description="passes over the images; 0 evaluates the untrained encoder")
    base_lr: float = Field(gt=0, description="learning rate per 256 queries; used is base_lr * N / 256 (optim.scaling)")
    seed: int = Field(ge=0, le=10**18, description="the run is a function of it")
    labels: float | None = Field(
        gt=0,
        le=1,
        description="share of the labelled images to learn from, as many of each class; null: all images there are",
    )
    weights: str | None = Field(
        description="a run's or an export's folder, or a file, whose backbone is started from; null: from scratch"
    )
    data_dir: str = Field(description="where data sets lie or are downloaded to")
    plugins: list[str] = Field(
        description="packages of yours whose code may run, e.g. [my_lab]; a stored run asks for the same words again"
    )
    resume: str | None = Field(description="folder of a run to go on with; takes no other setting")
    sweep: str | None = Field(
        description="name of a multirun's folder; the same line again goes on with what is missing"
    )
    checkpoint_every_n_steps: int | None = Field(ge=1, description="beside the one at the end of every epoch")
    checkpoint_every_n_minutes: float | None = Field(gt=0, description="as well")


class Checkpoint(Settings):
    """Which checkpoints stay beside the last one."""

    keep: list[Annotated[int, Field(ge=1)]] = Field(
        description="epochs at whose end the checkpoint is kept, e.g. [10,50], as checkpoints/epoch=10.ckpt"
    )


class MethodInfo(Settings):
    """What a method is, for checks and titles."""

    id: str = Field(description="of its yaml")
    name: str = Field(description="in titles")
    paper: str = Field(description="authors and year")
    pool: Literal["N-1", "2N-2", "queue", "bank", "none"] = Field(description="what negatives are drawn from")
    views: int = Field(ge=1, description="of an image")
    key_encoder: bool = Field(description="whether keys have an encoder of their own")
    labels: bool = Field(False, description="whether it learns from labels")
    classifier: bool = Field(False, description="whether it trains a classifier")
    tau: bool = Field(True, description="whether its loss has a temperature")
    own_loss: bool = Field(False, description="whether its loss is its own, in which no other is put")
    loss: str = Field("info_nce", description="what it is trained with where no loss is chosen")


class Scale(Settings):
    """What the views of a scale are."""

    name: str = Field(description="of its yaml")
    dataset: str = Field(description="its data set")
    small_size: data.Pixels = Field(description="side of small views in pixels")
    small_views: int = Field(ge=0, description="number of small views of multi_crop")
    small_crop: data.Areas = Field(description="least and greatest area of small views of multi_crop")
    data: Literal["canvases", "coco"] = Field("canvases", description="what `detect` looks at")
    blur: float = Field(ge=0, le=1, description="probability of a Gaussian blur")


class Head(Settings):
    """The projection head."""

    kind: Literal["none", "linear", "mlp", "mlp_bn"] = Field(description="of the layers between features and vectors")
    layers: int = Field(ge=1, le=3, description="of mlp and mlp_bn")
    dim: int = Field(ge=1, description="D, width of the vectors")
    hidden: int | None = Field(ge=1, description="width of the hidden layers; null: that of the features")
    beta: bool = Field(description="whether the last batch normalisation of mlp_bn has a bias")
    last_norm: bool = Field(description="whether mlp_bn normalises after its last layer, too")


class Batchnorm(Settings):
    """Batch normalisation."""

    kind: BatchnormKind = Field(
        description="whose statistics: those of the batch, of groups, of groups with keys shuffled"
    )
    groups: int = Field(ge=1, description="equal groups of the batch, for split and shuffle")


class Optim(Settings):
    """Optimizer and schedule."""

    kind: Literal["sgd", "lars", "adamw"] = Field(description="optimizer")
    base_lr: float = Field(gt=0, description="that of the run")
    batch_size: int = Field(ge=2, description="that of the run")
    scaling: Literal["linear", "sqrt"] = Field(description="linear: base_lr * N / 256; sqrt: base_lr * sqrt(N)")
    momentum: float = Field(ge=0, le=0.9999, description="of SGD and LARS; of AdamW the first beta")
    weight_decay: float = Field(ge=0, description="of the weights")
    decay_norm: bool = Field(description="whether it holds for biases and batch normalisation too")
    schedule: Literal["cosine", "warmup_times_cosine", "steps"] = Field(description="of the learning rate")
    warmup_epochs: float = Field(ge=0, description="epochs, or a part of one, of linear warm-up")
    milestones: Shares = Field(description="steps: shares of the training after which x 0.1")
    nesterov: bool = Field(description="whether the momentum is Nesterov's, of SGD alone")


GROUPS = (  # those that take the name of an option
    "augment", "backbone", "batchnorm", "dataset", "evaluation", "experiment", "logger", "loss", "method", "optim",
    "scale", "strategy", "trainer",
)  # fmt: skip
OURS = ("contrastive_lab.", "pytorch_lightning.")
OWN = ("method", "head", "method_info", "probes", "checkpoint")
NODES = (*OWN, *(group for group in GROUPS if group not in ("method", "experiment")))


def register() -> None:
    """Register with Hydra what conf/config.yaml starts from: the settings, typed, and the data set of each scale."""
    single: list[Any] = [(name, info.annotation, MISSING) for name, info in Run.model_fields.items()]
    nodes: list[Any] = [(name, dict[str, Any], field(default_factory=dict)) for name in NODES]
    experiment = ("experiment", dict[str, Any] | None, None)
    ConfigStore.instance().store(name="settings", node=make_dataclass("Config", [*single, *nodes, experiment]))
    OmegaConf.register_new_resolver("dataset_of", _dataset_of, replace=True)
    OmegaConf.register_new_resolver("loss_of", _loss_of, replace=True)
    OmegaConf.register_new_resolver("data_of", _data_of, replace=True)


def _dataset_of(scale: str) -> str:
    return str(OmegaConf.load(chosen_yaml("scale", scale)).scale.dataset)


def _data_of(scale: str) -> str:
    return str(OmegaConf.load(chosen_yaml("scale", scale)).scale.get("data", "canvases"))


def _loss_of(method: str, scale: str) -> str:
    """The loss that a method has at a scale: the scale's where it has one for the method, else the method's."""
    found = "info_nce"
    for file in (yaml_of(f"method/{method}"), yaml_of(f"scale/{scale}/{method}")):
        if file is not None:
            found = OmegaConf.select(OmegaConf.load(file), "method_info.loss", default=found)
    return str(found)


def model_of(group: str, node: Mapping[str, Any]) -> type[BaseModel]:
    """The model of a group's node: named like what its `_target_`, or its splits', calls, its option, or the group."""
    models = vars(theory) | vars(methods) | vars(data) | vars(detect) | vars(trainer) | globals()
    named = group in ("data", "logger") or (group == "loss" and "_target_" not in node)
    name = node["name"] if named else node.get("splits", node).get("_target_", group)
    target = str(name).removesuffix(".run").rpartition(".")[2]
    own, general = ("".join(part[:1].upper() + part[1:] for part in text.split("_")) for text in (target, group))
    if "." in str(name) and not str(name).startswith(OURS):
        return model_of_plugin(str(name), node, models, "Texts" if node.get("kind") == "texts" else general)
    found: type[BaseModel] = next(models[name] for name in (own, general) if name in models)
    return found


def takes_more(config: DictConfig, key: str) -> bool:
    """Whether a group, as its option is chosen, takes a key that its yaml does not have, with a plus."""
    group, _, name = key.partition(".")
    model = model_of(group, config[group]) if group in NODES else Settings
    return model.model_config.get("extra") == "allow" or name in model.model_fields


def single_of(values: Mapping[str, Any]) -> tuple[type[Settings], tuple[str, ...]]:
    """The model of the settings without a group, and the nodes beside them, of values of `train` or `detect`."""
    return (detect.Detect, detect.NODES) if detect.is_detect(values) else (Run, NODES)


def groups_of(primary: str) -> tuple[str, ...]:
    """The groups of a primary configuration, "config" for `train`."""
    return {"config": GROUPS, "detect": detect.GROUPS}.get(primary, (primary,))


def wrong_values(values: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with single values, a line by key; `chosen`, without what was typed, tells which models hold."""
    if "theory" in values:
        return problems(model_of("theory", chosen["theory"]), values["theory"], "theory")
    top, groups = single_of(values)
    lines = problems(top, {name: values[name] for name in top.model_fields})
    for group in groups:
        lines |= problems(model_of(group, chosen[group]), values[group], group)
    return lines
