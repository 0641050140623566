"""The backbone of a stored run, for those who do not train with this project: weights and a card that says of what.

`backbone.safetensors` has the keys of torchvision's or timm's own model. `backbone.json` says which model that is, with
lines of Python that load it, what images it takes, and what the run was and reached; `README.md` says the same on a
model hub, and `backbone.onnx` is the net for those without torch, where asked for.

A torchvision ResNet was trained without its classifier, and for small images with another stem, so `fc`, and there
`conv1` and `maxpool`, are replaced before the weights are loaded; the card says by what. A small or wide ResNet loads
into this project's own, one of a plugin into the plugin's.
"""

import inspect
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, cast

import torch
import torchvision
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file, save
from torch import nn

from contrastive_lab.config.identity import identity
from contrastive_lab.config.plugins import refused
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import CARD, ONNX, PAGE, RESULT, WEIGHTS, read_json, write_json, write_text
from contrastive_lab.record.result import Status, read_result
from contrastive_lab.run.evaluate import load_stored
from contrastive_lab.run.model_card import page, preprocessing

OWN = ("imagenet_resnet", "small_image_resnet", "small_resnet")
FILES = {"pretrained", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}  # arguments of timm
CONV1 = {"in_channels": 3, "out_channels": 64, "kernel_size": 3, "stride": 1, "padding": 1, "bias": False}
SMALL_STEM = {"conv1": ("Conv2d", CONV1), "maxpool": ("Identity", {})}  # classes of torch.nn and their arguments


def export_run(folder: Path, config: DictConfig, out: Path, onnx: bool = False) -> str:
    """Write the backbone of a run's last checkpoint, in float32, its card and page to the folder `out`; returns a line.

    With `onnx` as an ONNX graph too. ConfigError if `out` has an export already or cannot be written to, the run has no
    result.json or no images, or the package onnx is missing.
    """
    if onnx and not find_spec("onnx"):
        raise ConfigError('onnx=true: not installed; pip install "contrastive-lab[onnx]"')
    if config.backbone.name == "bag_of_words":
        raise ConfigError(f"run={folder}: of texts; a table of word vectors is no model of torchvision or timm")
    if (result := read_result(folder)).status is Status.MISSING:
        raise ConfigError(f"run={folder}: has no {RESULT}")
    for name in (WEIGHTS, CARD, PAGE, ONNX):
        if (out / name).exists():
            raise ConfigError(f"out={out}: {name} is there already; name another folder with out=")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out={out}: {error.strerror}") from None
    model = _model(config.backbone)
    net = _build(model)
    step = load_stored(net, folder, "encoder.backbone.")
    weights = {key: value.clone(memory_format=torch.contiguous_format) for key, value in net.state_dict().items()}
    card = {
        **model,
        "code": _code(model),
        "keys": list(weights),
        "images": preprocessing(config),
        "classes": result.classes,
        "step": step,
        "result": result.flat(),
        "config": identity(config),
    }
    (out / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))  # save_file keeps others from reading it
    write_json(out / CARD, card)
    names = [WEIGHTS, CARD, *_write_page(net, card, out, onnx)]
    return f"{model['constructor']} of step {step}: {', '.join(str(out / name) for name in names)}"


def _write_page(net: nn.Module, card: dict[str, Any], out: Path, onnx: bool) -> list[str]:
    """Write the page and, where asked for, the graph of a net with such a card; returns the names of the files."""
    size = card["images"]["size"]
    with torch.no_grad():
        write_text(out / PAGE, page(card, net.eval()(torch.zeros(1, 3, size, size)).shape[1], onnx))
    if onnx:
        _write_onnx(net, size, out / ONNX)
    return [PAGE, *[ONNX] * onnx]


def _write_onnx(net: nn.Module, size: int, path: Path) -> None:
    """Write a net in eval mode as a graph from `images` (n, 3, size, size) to `features` (n, F), of any n."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs onnxscript
        torch.onnx.export(
            net,
            (torch.zeros(1, 3, size, size),),
            str(path),
            dynamo=False,
            input_names=["images"],
            output_names=["features"],
            dynamic_axes={"images": {0: "n"}, "features": {0: "n"}},
        )


def load_backbone(folder: Path | str, plugins: Sequence[str] = ()) -> nn.Module:
    """An exported backbone, images (n, 3, H, W) normalised as its card says -> features (n, F), in eval mode.

    ValueError if the card asks for anything but a model of torchvision, timm or this project, without weights, or of a
    package of yours that is among the `plugins`.
    """
    net = _build(read_json(Path(folder) / CARD), plugins)
    net.load_state_dict(load_file(Path(folder) / WEIGHTS))
    return net.eval()


def _model(backbone: DictConfig) -> dict[str, Any]:
    """Which constructor makes the net of a configuration, with which arguments, and what is then replaced in it."""
    plain = cast(dict[str, Any], OmegaConf.to_container(backbone, resolve=True))
    target = str(plain["_target_"])
    kind = target.removeprefix("contrastive_lab.backbone.")
    options = {key: value for key, value in plain.items() if key not in ("name", "_target_", "pretrained")}
    constructor, replaced = target, {}
    if "zero_init_residual" not in inspect.signature(resolve_name(target)).parameters:
        options.pop("zero_init_residual", None)
    if kind in ("imagenet_resnet", "small_image_resnet") and options.get("width", 1) == 1:
        replaced = {"fc": ("Identity", {}), **(SMALL_STEM if kind == "small_image_resnet" else {})}
        constructor, options = f"torchvision.models.{options['arch']}", {}
    elif kind == "timm_model":
        own = {key: value for key, value in options.items() if key not in ("arch", "zero_init_residual")}
        constructor, options = "timm.create_model", {"model_name": options["arch"], "num_classes": 0, **own}
    return {"constructor": constructor, "arguments": options, "replaced": replaced}


def _build(model: dict[str, Any], plugins: Sequence[str] | None = None) -> nn.Module:
    """The net of a card; `plugins` are those that the line allows unless told."""
    library, _, function = model["constructor"].rpartition(".")
    known = _is_model(library, function, model["arguments"], model["replaced"])
    if not known and (model["replaced"] or refused(model["constructor"], plugins)):
        others = f", nor of plugins={[*plugins]}" if plugins is not None else ""
        raise ValueError(
            f"{model['constructor']}: not an untrained model of torchvision, timm or contrastive_lab{others}"
        )
    net = getattr(import_module(library), function)(**model["arguments"])
    for name, (kind, arguments) in model["replaced"].items():
        setattr(net, name, getattr(nn, kind)(**arguments))
    return cast(nn.Module, net)


def _is_model(library: str, function: str, arguments: dict[str, Any], replaced: dict[str, Any]) -> bool:
    """Whether a card's constructor makes an untrained model and reads no file."""
    if any(kind not in ("Identity", "Conv2d") for kind, _ in replaced.values()):
        return False
    if library == "torchvision.models":
        return function in torchvision.models.list_models() and not arguments
    if library == "timm":
        import timm  # only here: it takes seconds to import

        return function == "create_model" and timm.is_model(arguments["model_name"]) and not FILES & {*arguments}
    return library == "contrastive_lab.backbone" and function in OWN


def _code(model: dict[str, Any]) -> list[str]:
    """What `load_backbone` does, as lines of Python without this project."""
    parts = [(name, f"torch.nn.{kind}", arguments) for name, (kind, arguments) in model["replaced"].items()]
    return [
        f"import torch, {model['constructor'].rpartition('.')[0]}",
        "from safetensors.torch import load_file",
        f"net = {_call(model['constructor'], model['arguments'])}",
        *(f"net.{name} = {_call(function, arguments)}" for name, function, arguments in parts),
        f'net.load_state_dict(load_file("{WEIGHTS}"))',
    ]


def _call(function: str, arguments: dict[str, Any]) -> str:
    return f"{function}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
