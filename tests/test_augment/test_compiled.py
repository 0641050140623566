"""The compiled recipe against the recipe, and its parts against torchvision's operations; compiled itself once."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torchvision.transforms.v2.functional as F

from contrastive_lab.augment import Color, Recipe
from contrastive_lab.augment import compiled as module
from contrastive_lab.augment.compiled import CompiledRecipe, compiled, gray_mix, mixed, slots, turned
from tests.random_images import HUE_TOLERANCE, MEAN, STD, TORCHVISION, close, pictures, pixels, recipe, step_random

ORDERS = [
    ["color", "gray", "blur"],
    ["gray", "color", "blur"],
    ["blur", "color"],
    ["color", "blur", "gray"],
    ["gray"],
    [],
]


@pytest.fixture
def not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions as they are: what torch.compile makes of them is tested once."""
    monkeypatch.setattr(module, "_compiled", lambda function: function)


@pytest.mark.usefixtures("not_compiled")
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize(("channels", "mean", "std"), [(3, MEAN, STD), (1, [0.3], [0.5])])
def test_views_are_those_of_the_recipe(order: list[str], channels: int, mean: list[float], std: list[float]) -> None:
    made = recipe(order=order, color=Color(strength=2.0), gray=0.5, mean=mean, std=std)
    images, random = pictures(64, channels=channels), step_random()
    close(compiled(made)(images, random, 1, torch.float64), made(images, random, 1, torch.float64), 1e-6)


@pytest.mark.usefixtures("not_compiled")
@pytest.mark.parametrize("off", [{"blur": 0.0}, {"color": Color(p=0.0)}, {"color": Color(hue=0.0)}, {"gray": 1.0}])
def test_views_are_those_of_the_recipe_with_parts_off(off: dict[str, Any]) -> None:
    made, images = recipe(**off), pictures(64)
    close(compiled(made)(images, step_random(), 0), made(images, step_random(), 0), 2e-5)


def test_slots_are_the_operations_in_their_order() -> None:
    images, numbers = pixels(60, torch.float64), step_random(60).uniform("color/0", 9)
    factors, order = Color(strength=2.0).factors(numbers[:, 1:5]), Color().order(numbers[:, 0], numbers[:, 5:])
    order[:20] = order[:20].masked_fill(order[:20] == 3, 4)
    before, turn, after = slots(factors, order)
    changed = module.toned(images, [before], turn, [after])
    for image, places, factor, actual in zip(images, order.tolist(), factors.tolist(), changed, strict=True):
        expected = image
        for index in places:
            expected = expected if index == 4 else TORCHVISION[index](expected, factor[index])
        close(actual, expected, HUE_TOLERANCE)


def test_a_third_of_the_circle_moves_the_channels() -> None:
    images = pixels(8, torch.float64)
    phases = (2 - torch.arange(0, 6, 2, dtype=torch.float64) + 3).remainder(6) - 3
    close(torch.stack(list(turned(images.unbind(1), phases.expand(8, 3))), 1), images[:, [2, 0, 1]], 1e-12)


def test_gray_is_torchvisions_for_the_chosen_alone() -> None:
    images, chosen = pixels(20, torch.float64), torch.arange(20) % 3 == 0
    changed = torch.stack(list(mixed(images.unbind(1), gray_mix(chosen)[:, 0])), 1)
    expected = torch.where(chosen.view(-1, 1, 1, 1), F.rgb_to_grayscale(images, 3), images)
    close(changed, expected, 1e-12)


def test_what_it_cannot_do_stays_as_it_is() -> None:
    @dataclass(frozen=True)
    class Erasing(Recipe):
        pass

    own = Erasing(32, MEAN, STD, recipe().crop, flip=0.5, color=Color(), gray=0.2, blur=0.5)
    twice = recipe(order=["color", "color"])
    assert compiled(own) is own and compiled(twice) is twice
    again = compiled(compiled(recipe()))
    assert type(again) is CompiledRecipe and again == compiled(recipe())


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_compiled_views_are_those_of_the_recipe_and_no_step_compiles_again(blur: float) -> None:
    made, images = recipe(blur=blur), pictures(64)
    quick = compiled(made)
    close(quick(images, step_random(), 0), made(images, step_random(), 0), 2e-5)
    torch.compiler.set_stance("fail_on_recompile")
    try:
        for step in (1, 2):
            close(quick(images, step_random(step=step), 1), made(images, step_random(step=step), 1), 2e-5)
    finally:
        torch.compiler.set_stance("default")
