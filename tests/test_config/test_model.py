import math
import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from contrastive_lab.config.model import Settings, null, problems


class Inner(Settings):
    scale: list[float] = Field(description="of it", examples=[[0.2, 1.0]])


class Outer(Settings):
    K: Annotated[int | None, null("for all")] = Field(ge=1)
    tau: float = Field(gt=0)
    share: float = Field(ge=0, le=1)
    per: Literal["query", "batch"]
    order: list[Literal["color", "gray"]]
    widths: list[Annotated[int, Field(ge=1)]] = Field(examples=[[32, 64]], min_length=1)
    inner: Inner
    flag: bool
    limit: int | float | None
    draws: Annotated[int, Field(ge=1)] | list[Annotated[int, Field(ge=1)]]
    name: str


GOOD: dict[str, Any] = {
    "K": None, "tau": 1, "share": 0.5, "per": "query", "order": [], "widths": [8, 16], "inner": {"scale": [1, 2.5]},
    "flag": True, "limit": 0.5, "draws": [1, 2], "name": "x",
}  # fmt: skip


def test_good_values_have_no_problems() -> None:
    assert problems(Outer, GOOD) == {}


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"K": 0}, "t.K=0: must be 1 or more"),
        ({"K": 2.0}, "t.K=2.0: must be a whole number, or null for all"),
        ({"tau": math.nan}, "t.tau=nan: must be finite and more than 0"),
        ({"tau": True}, "t.tau=true: must be a number"),
        ({"share": 2}, "t.share=2: must be between 0 and 1"),
        ({"per": 3}, "t.per=3: choose one of query, batch"),
        ({"order": ["foo", "bar"]}, "t.order=[foo,bar]: choose some of color, gray"),
        ({"widths": [0, 8]}, "t.widths=[0,8]: must be 1 or more each"),
        ({"widths": []}, "t.widths=[]: must be a list of whole numbers, e.g. [32,64]"),
        ({"inner": 3}, "t.inner=3: must be set key by key"),
        ({"inner": {"scale": ["a"]}}, "t.inner.scale=[a]: must be a list of numbers, e.g. [0.2,1.0]"),
        ({"flag": 1}, "t.flag=1: must be true or false"),
        ({"limit": "x"}, "t.limit=x: must be a number or null"),
        ({"draws": 0}, "t.draws=0: must be 1 or more"),
        ({"name": 3}, "t.name=3: must be a name"),
        ({"nam": 3}, "t.nam: no such key; did you mean name?"),
    ],
)
def test_a_wrong_value_is_one_line(wrong: dict[str, Any], line: str) -> None:
    assert [*problems(Outer, GOOD | wrong, "t").values()] == [line]


def test_every_problem_is_told_at_once() -> None:
    assert len(problems(Outer, GOOD | {"K": 0, "tau": 0, "inner": {}, "flag": None})) == 4
    assert [*problems(Outer, 3, "t").values()] == ["t=3: must be set key by key"]


def test_checks_import_no_torch() -> None:
    modules = "contrastive_lab.config.overrides, contrastive_lab.config.resolve"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
