"""The settings of a run: those without a group, and the groups but methods and data. Their values stand in conf/."""

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from typing import Annotated, Any, Literal

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field

from contrastive_lab.config import CONF, data, methods, options, theory
from contrastive_lab.config.methods import BatchnormKind
from contrastive_lab.config.model import Settings, help_lines, null, problems, schema_of

All = Annotated[int | None, null("for all")]
AsK = Annotated[float | None, Field(gt=0, allow_inf_nan=True), null("for alpha = K")]


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
    seed: int = Field(ge=0, description="the run is a function of it")
    data_dir: str = Field(description="where data sets lie or are downloaded to")
    resume: str | None = Field(description="folder of a run to go on with; takes no other setting")
    sweep: str | None = Field(
        description="name of a multirun's folder; the same line again goes on with what is missing"
    )
    checkpoint_every_n_steps: int | None = Field(ge=1, description="beside the one at the end of every epoch")


class MethodInfo(Settings):
    """What a method is, for checks and titles."""

    id: str = Field(description="of its yaml")
    name: str = Field(description="in titles")
    paper: str = Field(description="authors and year")
    pool: Literal["N-1", "2N-2", "queue", "bank", "none"] = Field(description="what negatives are drawn from")
    views: int = Field(ge=1, description="of an image")
    key_encoder: bool = Field(description="whether keys have an encoder of their own")
    loss: str = Field("info_nce", description="what it is trained with where no loss is chosen")


class Scale(Settings):
    """What the views of a scale are."""

    name: str = Field(description="of its yaml")
    dataset: str = Field(description="its data set")
    small_size: int = Field(ge=1, description="side of small views in pixels")
    small_views: int = Field(ge=0, description="number of small views of multi_crop")
    small_crop: data.Areas = Field(description="least and greatest area of small views of multi_crop")
    blur: float = Field(ge=0, le=1, description="probability of a Gaussian blur")


class Head(Settings):
    """The projection head."""

    kind: Literal["none", "linear", "mlp", "mlp_bn"] = Field(description="of the layers between features and vectors")
    layers: int = Field(ge=1, le=3, description="of mlp and mlp_bn")
    dim: int = Field(ge=1, description="D, width of the vectors")
    hidden: int | None = Field(ge=1, description="width of the hidden layers; null: that of the features")
    beta: bool = Field(description="whether the last batch normalisation of mlp_bn has a bias")
    last_norm: bool = Field(True, description="whether mlp_bn normalises after its last layer, too")


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
    milestones: list[float] = Field(
        examples=[[0.6, 0.8]], description="steps: shares of the training after which x 0.1"
    )


class Strategy(Settings):
    """Devices."""

    name: str = Field(description="of its yaml")
    accelerator: Literal["auto", "cpu", "gpu"] = Field(description="gpu means CUDA")
    devices: int = Field(ge=1, description="processes on this machine")
    trainer: dict[str, Any] = Field(description="what Lightning's Trainer is told of them")


class Trainer(Settings):
    """Of the arguments of Lightning's Trainer those that have a rule here."""

    model_config = ConfigDict(extra="allow")

    num_nodes: int = Field(ge=1, description="machines")
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed"] = Field(description="of the numbers")
    log_every_n_steps: int = Field(ge=1, description="how often metrics.csv gets a row")
    max_steps: int | None = Field(description="fewer steps than the epochs have; -1: no limit")
    limit_train_batches: int | float | None = Field(description="steps of an epoch, or a share of them")
    fast_dev_run: bool | int | None = Field(description="one step, or some, to see that all runs")
    overfit_batches: int | float | None = Field(description="batches, or a share of them, to overfit")
    check_val_every_n_epoch: int | None = Field(description="as in Lightning")
    enable_model_summary: bool | None = Field(description="a table of the layers")
    inference_mode: bool | None = Field(description="as in Lightning")
    detect_anomaly: bool | None = Field(description="torch's detection of NaN in gradients")
    accumulate_grad_batches: int | None = Field(description="must stay 1")
    use_distributed_sampler: bool | None = Field(description="must stay false")
    barebones: bool | None = Field(description="must stay false")
    reload_dataloaders_every_n_epochs: int | None = Field(description="as in Lightning")
    enable_autolog_hparams: bool | None = Field(description="as in Lightning")


class Logger(Settings):
    """Where metrics go beside metrics.csv; more keys of the logger go in with a plus."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="of its yaml")
    project: str | None = Field(None, description="of W&B")
    entity: str | None = Field(None, description="of W&B; null: that of your account, or WANDB_ENTITY")
    media: bool = Field(False, description="a sheet of views at the start, a map of the features at the end")


GROUPS = (  # those that take the name of an option
    "augment", "backbone", "batchnorm", "dataset", "evaluation", "experiment", "logger", "loss", "method", "optim",
    "scale", "strategy", "trainer",
)  # fmt: skip
NODES = ("method", "head", "method_info", "probes", *(g for g in GROUPS if g not in ("method", "experiment")))


def register() -> None:
    """Give Hydra what conf/config.yaml starts from: the settings with their types, and the data set of each scale."""
    single: list[Any] = [(name, info.annotation, MISSING) for name, info in Run.model_fields.items()]
    nodes: list[Any] = [(name, dict[str, Any], field(default_factory=dict)) for name in NODES]
    experiment = ("experiment", dict[str, Any] | None, None)
    ConfigStore.instance().store(name="settings", node=make_dataclass("Config", [*single, *nodes, experiment]))
    OmegaConf.register_new_resolver("dataset_of", _dataset_of, replace=True)
    OmegaConf.register_new_resolver("loss_of", _loss_of, replace=True)
    OmegaConf.register_new_resolver("settings_help", _help, replace=True)
    OmegaConf.register_new_resolver("groups_help", _groups, replace=True)


def _dataset_of(scale: str) -> str:
    return str(OmegaConf.load(CONF / "scale" / f"{scale}.yaml").scale.dataset)


def _loss_of(method: str, scale: str) -> str:
    """The loss that a method has at a scale: the scale's where it has one for the method, else the method's."""
    found = "info_nce"
    for file in (CONF / "method" / f"{method}.yaml", CONF / "scale" / scale / f"{method}.yaml"):
        if file.is_file():
            found = OmegaConf.select(OmegaConf.load(file), "method_info.loss", default=found)
    return str(found)


def _help(*, _root_: DictConfig) -> str:
    """The settings of a composed configuration with their lines of help, as `--help` prints them."""
    values: Any = OmegaConf.to_container(_root_, resolve=False)
    lines = [f"  {name:<11}  {info.description}" for name, info in Run.model_fields.items() if name in values]
    for group in (*NODES, "theory"):
        if group in values:
            lines += help_lines(schema_of(model_of(group, values[group])), values[group], group)
    return "\n".join(lines).replace("$", "$$")  # Hydra makes one dollar of two


def _groups() -> str:
    """The groups with their options, as `--help` prints them."""
    return "\n".join(f"{group}: {', '.join(options(group))}" for group in GROUPS)


def model_of(group: str, node: Mapping[str, Any]) -> type[BaseModel]:
    """The model of a group's node: named like what its `_target_`, or its splits', calls, or like the loss or group."""
    models = vars(theory) | vars(methods) | vars(data) | globals()
    name = node["name"] if group == "loss" else node.get("splits", node).get("_target_", group)
    target = str(name).removesuffix(".run").rpartition(".")[2]
    names = ("".join(word[:1].upper() + word[1:] for word in text.split("_")) for text in (target, group))
    found: type[BaseModel] = next(models[name] for name in names if name in models)
    return found


def wrong_values(values: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[str]:
    """What is wrong with single values, a line each; `chosen`, without what was typed, tells which models hold."""
    if "theory" in values:
        return problems(model_of("theory", chosen["theory"]), values["theory"], "theory")
    lines = problems(Run, {name: values[name] for name in Run.model_fields})
    for group in NODES:
        lines += problems(model_of(group, chosen[group]), values[group], group)
    return lines
