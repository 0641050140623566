"""Typed models of settings, and what is wrong with values, a line a setting. Imports without torch."""

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contrastive_lab.config.values import typed

NAMES = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a name",
         "object": "set key by key"}  # fmt: skip
PLURALS = {"integer": " of whole numbers", "number": " of numbers", "string": " of names"}
LIMITS = {"minimum": "{:g} or more", "exclusiveMinimum": "more than {:g}", "maximum": "{:g} or less",
          "exclusiveMaximum": "less than {:g}"}  # fmt: skip
OUT_OF_RANGE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
Schema = dict[str, Any]  # JSON Schema, as pydantic writes it of a model or a setting


class Settings(BaseModel):
    """A group of settings: no other keys, no conversion but of whole numbers to numbers, no infinity and no NaN.

    Field(ge=, gt=, le=, lt=) gives the range, Field(description=) the line of help, Field(examples=[[8, 16]]) what a
    message about a list shows, and `Annotated[int | None, null("for all")]` what null means.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def null(meaning: str) -> Any:
    """What null stands for, e.g. "for all", as part of a type."""
    return Field(json_schema_extra={"null": meaning})


def problems(model: type[BaseModel], values: Any, prefix: str = "") -> dict[str, str]:
    """What is wrong with the values of a model, a line by key, e.g. {"theory.K": "theory.K=-1: must be 0 or more"}.

    `values` are by name, `_target_` is passed over, and `prefix` is what the keys begin with, e.g. "theory".
    """
    lines = dict[str, str]()
    try:
        model.model_validate(_without_targets(values))
    except ValidationError as error:
        for found in sorted(error.errors(include_url=False), key=lambda found: found["type"].endswith("_type")):
            path, value, known, schema = list[str](), values, Schema(), schema_of(model)
            while "properties" in schema and len(path) < len(found["loc"]):
                path.append(name := str(found["loc"][len(path)]))
                value = value.get(name)
                known, schema = schema["properties"], schema["properties"].get(name, {})
            key = ".".join([prefix, *path] if prefix else path)
            lines.setdefault(key, _line(key, value, known, schema, found))
    return lines


def _without_targets(node: Any) -> Any:
    return {k: _without_targets(v) for k, v in node.items() if k != "_target_"} if isinstance(node, dict) else node


def schema_of(model: type[BaseModel]) -> Schema:
    """The JSON Schema of a model; of settings that are models again it holds theirs."""
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            schema["properties"][name] = schema_of(field.annotation)
    return schema


def _line(key: str, value: Any, known: Schema, schema: Schema, found: Any) -> str:
    """What is wrong with a setting, by its schema; `known` are the settings of the same model."""
    name, told = key.rpartition(".")[2], f"{key}={typed(value)}"
    if found["type"] == "missing":
        return f"{key}: needed"
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        return f"{key}: no such key{f'; did you mean {near[0]}?' if near else ''}"
    if found["type"] == "literal_error" and {"type": "boolean"} not in schema.get("anyOf", []):
        return f"{told}: choose {'some' if isinstance(value, list) else 'one'} of {', '.join(choices(schema))}"
    if found["type"] == "value_error":
        return f"{told}: must be {found['ctx']['error']}"
    if (text := allowed(schema)) and found["type"] in OUT_OF_RANGE:
        finite = "finite and " if found["type"] == "finite_number" else ""
        return f"{told}: must be {finite}{text}{' each' if isinstance(value, list) else ''}"
    return f"{told}: must be {wanted(schema)}"


def wanted(schema: Schema) -> str:
    """What a setting takes, e.g. "a whole number, or null for all"."""
    parts = schema.get("anyOf", [schema])
    types = {part.get("type") for part in parts}
    passed_over = {"null", "integer"} if "number" in types else {"null"}
    kinds = dict.fromkeys(_kind(part, schema) for part in parts if part.get("type") not in passed_over)
    nullable = f", or null {schema['null']}" if "null" in schema else " or null" if "null" in types else ""
    return " or ".join(kinds) + nullable


def _kind(part: Schema, schema: Schema) -> str:
    """A member of the union that a setting takes, as text."""
    if part.get("type") != "array":
        options = choices(part)
        return f"one of {', '.join(options)}" if options else NAMES[part.get("type", "object")]
    items = next((PLURALS[inner["type"]] for inner in _nested(part["items"]) if inner.get("type") in PLURALS), "")
    example = next((shown for shown in schema.get("examples", []) if isinstance(shown, list)), None)
    return f"a list{items}{f', e.g. {typed(example)}' if example else ''}"


def allowed(schema: Schema) -> str:
    """The range of a setting or of the items of a list, e.g. "between 0 and 1"; empty where there is none."""
    found = {name: part[name] for part in _nested(schema) for name in LIMITS if name in part}
    if {"minimum", "maximum"} <= found.keys():
        return f"between {found['minimum']:g} and {found['maximum']:g}"
    return " and ".join(text.format(found[name]) for name, text in LIMITS.items() if name in found)


def choices(schema: Schema) -> list[str]:
    """The choices of a setting or of the items of a list; empty where there are none."""
    parts = _nested(schema)
    return [option for part in parts for option in part.get("enum", [part["const"]] if "const" in part else [])]


def _nested(schema: Schema) -> Iterator[Schema]:
    """A schema, those of the members of a union and that of the items of a list."""
    yield schema
    for inner in (*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])):
        yield from _nested(inner)
