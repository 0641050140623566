"""Typed models of settings, and what is wrong with values, a line a setting. Imports without torch."""

import difflib
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a name", dict: "set key by key"}
PLURALS = {int: " of whole numbers", float: " of numbers", str: " of names"}
BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number", "too_short")


class Settings(BaseModel):
    """A group of settings: no other keys, no conversion but of whole numbers to numbers, no infinity and no NaN.

    Field(ge=, gt=, le=, lt=) gives the range, Field(description=) the line of help, Field(examples=[[8, 16]]) what a
    message about a list shows, and `Annotated[int | None, Null("for all")]` what null means.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Null(NamedTuple):
    """What null stands for, e.g. "for all"."""

    meaning: str


def problems(model: type[BaseModel], values: Any, prefix: str = "") -> list[str]:
    """What is wrong with the values of a model, e.g. ["theory.K=-1: must be 0 or more"]; a line for each setting.

    Args:
        model: of the settings.
        values: by name; those of a model in it are a mapping again; `_target_` is passed over.
        prefix: what the keys begin with, e.g. "theory".
    """
    try:
        model.model_validate(_without_targets(values))
    except ValidationError as error:
        lines = dict[str, str]()
        for found in sorted(error.errors(include_url=False), key=lambda found: found["type"].endswith("_type")):
            path, owner, field = _field(model, found["loc"])
            key = ".".join([prefix, *path] if prefix else path)
            lines.setdefault(key, _line(key, _value(values, path), owner, field, found))
        return list(lines.values())
    return []


def _without_targets(node: Any) -> Any:
    return {k: _without_targets(v) for k, v in node.items() if k != "_target_"} if isinstance(node, dict) else node


def typed_like(values: Mapping[str, Any]) -> type[BaseModel]:
    """A model of settings that are of the types of some values; a setting that is null may be anything."""
    fields: dict[str, Any] = {name: (_type(value), Field(examples=[value])) for name, value in values.items()}
    fields.pop("_target_", None)
    model: type[BaseModel] = create_model("Settings", __base__=Settings, **fields)
    return model


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return list[_type(value[0])] if value else list[Any]  # type: ignore[misc]
    return Any if value is None else type(value)


def help_lines(model: type[BaseModel], values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """A line for each value of a model, e.g. "  head.dim=128  D, width of the vectors (1 or more)"."""
    for name, value in values.items():
        field = model.model_fields.get(name)
        inner = field and _inner(field)
        if inner and isinstance(value, dict):
            yield from help_lines(inner, value, f"{prefix}.{name}")
        elif name != "_target_":
            limits = field and (", ".join(choices(field.annotation)) or allowed(field))
            text = f"{(field and field.description) or ''}{f' ({limits})' if limits else ''}"
            yield f"  {f'{prefix}.{name}={_typed(value)}':<40}  {text}".rstrip()


def _typed(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def wanted(field: FieldInfo) -> str:
    """What a setting takes, e.g. "a whole number, or null for all"."""
    annotation, null = field.annotation, next((data for data in field.metadata if isinstance(data, Null)), None)
    parts = [part for part in _parts(annotation) if part is not NoneType]
    kinds = [_kind(part, field) for part in parts if part is not int or float not in parts]
    nullable = (f", or null {null.meaning}" if null else " or null") if NoneType in _parts(annotation) else ""
    return " or ".join(dict.fromkeys(kinds)) + nullable


def allowed(field: FieldInfo) -> str:
    """The range of a setting, e.g. "between 0 and 1"; empty where there is none."""
    annotated = [get_args(part)[1:] for part in _nested(field.annotation) if get_origin(part) is Annotated]
    bounds = [
        *field.metadata,
        *(data for infos in annotated for info in infos for data in getattr(info, "metadata", ())),
    ]
    found = {name: getattr(data, name) for data in bounds for name in ("ge", "gt", "le", "lt") if hasattr(data, name)}
    if {"ge", "le"} <= found.keys():
        return f"between {found['ge']:g} and {found['le']:g}"
    texts = {"ge": "{:g} or more", "gt": "more than {:g}", "le": "{:g} or less", "lt": "less than {:g}"}
    return " and ".join(texts[name].format(found[name]) for name in texts if name in found)


def choices(annotation: Any) -> tuple[str, ...]:
    """The choices of a setting, also those for the items of a list; empty where there are none."""
    found = [get_args(part) for part in _nested(annotation) if get_origin(part) is Literal]
    return tuple(str(choice) for options in found for choice in options)


def _line(key: str, value: Any, owner: type[BaseModel], field: FieldInfo | None, found: Any) -> str:
    if found["type"] == "missing":
        return f"{key}: needed"
    if not found["loc"]:
        return f"{key}={value}: must be {NAMES[dict]}"
    if field is None:
        near = difflib.get_close_matches(key.rpartition(".")[2], owner.model_fields, n=1)
        return f"{key}: no such key{f'; did you mean {near[0]}?' if near else ''}"
    if found["type"] == "literal_error":
        some = "some" if isinstance(value, list) else "one"
        return f"{key}={value}: choose {some} of {', '.join(choices(field.annotation))}"
    if found["type"] == "value_error":
        return f"{key}={value}: must be {found['ctx']['error']}"
    if found["type"] == "too_short":
        return f"{key}={value}: must be {wanted(field)}"
    text = allowed(field) if found["type"] in BOUNDS else ""
    return f"{key}={value}: must be {text or wanted(field)}{' each' if text and isinstance(value, list) else ''}"


def _field(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[list[str], type[BaseModel], FieldInfo | None]:
    """The setting that an error lies in: its path, the model that has it, and its field; None if it has no such one."""
    path, owner, field = list[str](), model, None
    for part in map(str, loc):
        path.append(part)
        field = owner.model_fields.get(part)
        inner = field and _inner(field)
        if inner is None:
            break
        owner = inner
    return path, owner, field


def _value(values: Any, path: list[str]) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _kind(annotation: Any, field: FieldInfo) -> str:
    """A type in words."""
    annotation = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    origin = get_origin(annotation) or annotation
    if origin is list:
        inner = next((part for part in _nested(get_args(annotation)[0]) if part in PLURALS), None)
        example = (field.examples or [None])[0]
        shown = f", e.g. [{','.join(str(item) for item in example)}]" if isinstance(example, list) else ""
        return f"a list{PLURALS[inner] if inner else ''}{shown}"
    if origin is Literal:
        return f"one of {', '.join(choices(annotation))}"
    return NAMES.get(origin, NAMES[dict] if _is_model(origin) else str(annotation))


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; of any other type itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _nested(annotation: Any) -> Iterator[Any]:
    """A type and all types in it."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _nested(part)


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    return next((part for part in _parts(field.annotation) if _is_model(part)), None)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
