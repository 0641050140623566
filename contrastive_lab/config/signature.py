"""Settings of a plugin's classes and functions: the parameters that a yaml gives, by their type hints."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_type_hints

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, create_model

from contrastive_lab.config import CONF
from contrastive_lab.config.identity import beside_infonce
from contrastive_lab.config.model import Settings
from contrastive_lab.config.plugins import found_by_name, is_plugin
from contrastive_lab.config.values import nodes, typed
from contrastive_lab.errors import ConfigError

# What is filled in where a class or function is called, beside the settings of its yaml.
FILLED = {"K", "alpha", "classes", "data", "encoder", "images", "neg", "objective", "optim", "own_class_share", "pos",
          "seed", "tau", "vocabulary"}  # fmt: skip


class Unknown(Settings):
    """Of what may not be called, which a line of its own says."""

    model_config = ConfigDict(extra="allow")


def model_of_plugin(target: str, node: Mapping[str, Any], models: Mapping[str, Any], group: str) -> type[BaseModel]:
    """The model of a node that calls a plugin's class or function, allowed or not.

    It has the settings of the class of this project on which that stands, else those that all options of the group
    have (the model of a name is in `models`), and the parameters that the node gives.

    Raises:
        ConfigError: if a parameter has a type that no yaml can give.
    """
    if not is_plugin(target):
        return Unknown
    called = found_by_name(target)
    known = [cls.__name__ for cls in getattr(called, "__mro__", ()) if cls.__module__.startswith("contrastive_lab.")]
    start: type[BaseModel] = next((models[name] for name in (*known, group) if name in models), Settings)
    try:
        hints = get_type_hints(called.__init__ if inspect.isclass(called) else called, include_extras=True)
        names = [name for name in _parameters(called) if name in node and name not in start.model_fields]
        own: Any = {name: (hints.get(name, Any), ...) for name in names}
        model = create_model(called.__name__, __base__=start, **own)
        model.model_json_schema()
    except Exception as error:  # pydantic has many kinds of them, and a hint may name what is not there
        told = str(error).partition("\n")[0]
        raise ConfigError(f"{target}: settings need plain type hints, e.g. float or list[int] ({told})") from None
    return model


def misfits(config: DictConfig) -> Iterator[str]:
    """Parameters of plugins that have no value, and values for which they have no parameter."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    for key, node in [*nodes(plain)]:
        target = node.get("_target_") if isinstance(node, dict) else None
        if target is None or not is_plugin(str(target)):
            continue
        taken = _parameters(found_by_name(target))
        open_ended = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values())
        for name in node if "." in key and not open_ended else ():  # of a group itself its model tells
            if name != "_target_" and name not in taken:
                yield f"{key}.{name}: no parameter of {target}, which takes {', '.join(taken) or 'none'}"
        for name, each in taken.items():
            needed = each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
            if needed and name not in {*node, *FILLED}:
                yield f"{key}.{name}: needed; {target} takes it without a default"
    yield from _of_method(config)
    yield from _of_loss(config)


def _of_method(config: DictConfig) -> Iterator[str]:
    """What a plugin's method is told that it does not take."""
    target = config.method["_target_"]
    if not is_plugin(str(target)):
        return
    info = config.method_info
    taken = _parameters(found_by_name(target))
    if info.pool != "none" and (own := "objective" not in taken) != info.get("own_loss", False):
        takes = "takes no objective" if own else "takes an objective"
        yield f"method_info.own_loss: must be {str(own).lower()} in its yaml, for {target} {takes}"
    for key, none in {"K": None, "alpha": None, "tau": 1.0, "own_class_share": None}.items():
        if info.pool != "none" and key not in taken and config[key] != none:
            yield f"{key}={config[key]}: {target} takes no {key}"
    for key, value in beside_infonce(config).items() if info.get("own_loss") else ():
        if key not in ("loss", "own_class_share"):  # a loss is refused where it is typed
            yield f"{key}={value}: {info.name} has a loss of its own"


def _of_loss(config: DictConfig) -> Iterator[str]:
    """What a plugin's loss is told that it does not take, and a name that is another loss's."""
    target = OmegaConf.select(config, "loss._target_")
    if target is None or not is_plugin(str(target)):
        return
    name = config.loss.name
    taken = _parameters(found_by_name(target))
    if (CONF / "loss" / f"{name}.yaml").is_file():
        yield f"loss.name={name}: is that of a loss of this project; give {target} another name in its yaml"
    if not {"pos", "neg"} <= {*taken}:
        yield f"loss={name}: {target} must take pos (n,) and neg (n, K)"
    for key, none in {"alpha": None, "tau": 1.0}.items():
        if key not in taken and config[key] != none and config.method_info.pool != "none":
            yield f"{key}={config[key]:g}: {target} takes no {key}; set {key}={typed(none)}, as its yaml can"


def loss_takes(config: DictConfig, key: str) -> bool:
    """Whether the loss of a configuration takes alpha or tau, where it is a plugin's; True of others."""
    target = str(config.loss.get("_target_", ""))
    return not (target and is_plugin(target)) or key in _parameters(found_by_name(target))


def _parameters(called: Any) -> Mapping[str, inspect.Parameter]:
    return cast(Mapping[str, inspect.Parameter], inspect.signature(called).parameters)
