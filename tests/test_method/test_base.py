import inspect
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import get_object
from omegaconf import DictConfig
from torch import nn
from torchvision.ops import StochasticDepth

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.encoder import has_dropout
from contrastive_lab.errors import ConfigError
from contrastive_lab.method import MoCo, SimCLR, SiMo
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.run.build import build_method
from tests.test_method.batches import CONTRASTIVE, INFONCE, METHODS, OBJECTIVE, asked, linear_encoder, random_batch

SMALL = ("backbone.widths=[8,16]", "head.dim=16", "scale=laptop", "batchnorm.groups=4")


def methods_with_negatives() -> list[ContrastiveModule]:
    """Every source of negatives once, momentum high enough for keys to differ from queries."""
    return [
        SiMo(linear_encoder(), K=3, momentum=0.9),
        SiMo(linear_encoder(), K=3, negatives_per="batch"),
        MoCo(linear_encoder(), K=11, momentum=0.9),
        MoCo(linear_encoder(), K=11, symmetric=True),
        SimCLR(linear_encoder(), K=5),
        SimCLR(linear_encoder(), pool="N-1"),
        SimCLR(linear_encoder()),
    ]


@pytest.mark.parametrize("index", range(7))
def test_a_query_never_meets_its_own_image(index: int) -> None:
    method = methods_with_negatives()[index].double()
    for step in range(4):
        pairs = method.pairs(random_batch(step))
        assert not (pairs.neg_ids == pairs.ids[:, None]).any()
        assert pairs.neg.shape[0] == pairs.pos.shape[0] == pairs.ids.shape[0] == sum(len(q) for q in pairs.queries)
        assert pairs.neg.shape[1] == pairs.neg_ids.shape[1]
        method.after_step()


@pytest.mark.parametrize("index", range(7))
def test_pairs_change_no_state(index: int) -> None:
    method = methods_with_negatives()[index].double()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    first, second = method.pairs(random_batch()), method.pairs(random_batch())
    assert torch.equal(first.neg, second.neg)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())


def test_no_method_is_subclassed_and_the_base_is_abstract(compose: Callable[..., DictConfig]) -> None:
    classes = {get_object(compose(*asked(name)).method["_target_"]) for name in METHODS}
    assert {cls.__bases__ for cls in classes} == {(ContrastiveModule,)}
    with pytest.raises(TypeError, match="abstract"):
        ContrastiveModule(linear_encoder(), 0.1)  # type: ignore[abstract]
    assert issubclass(ContrastiveModule, pl.LightningModule)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_multi_crop(name: str, splits: Splits, compose: Callable[..., DictConfig]) -> None:
    """Small views are further queries; the encoder here takes any size."""
    config = compose(*asked(name), *SMALL)
    config.K = 5 if name in CONTRASTIVE else None
    large, queries = config.method_info.views, []
    for small in (0, 3):
        recipe = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0, small_views=small, small_size=6)
        data = ViewsDataModule(splits, recipe, batch_size=20, views=large)
        made = data.batch(next(iter(data.positions(0))))
        assert [tuple(view.shape[-2:]) for view in made.views] == [(12, 12)] * large + [(6, 6)] * small
        method = build_method(config, data)
        pairs = method.pairs(made)
        losses = method.losses(pairs)
        assert losses.isfinite().all()
        losses.mean().backward()
        assert not hasattr(pairs, "neg_ids") or not (pairs.neg_ids == pairs.ids[:, None]).any()
        queries.append(len(losses))
    further = (queries[1] - queries[0]) / (3 * 20)
    assert queries[0] % 20 == 0 and further in (1, 2)  # 2: SwAV's, each with the codes of both large views


@pytest.mark.parametrize("name", METHODS)
def test_the_width_of_neg_is_the_recorded_K(name: str, splits: Splits, compose: Callable[..., DictConfig]) -> None:
    """`Resolved.counted` is what a run writes to result.json."""
    config = compose(*asked(name), *SMALL)
    config.batch_size, config.dataset.images = 20, None
    recipe = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)
    data = ViewsDataModule(splits, recipe, batch_size=20, views=config.method_info.views)
    for K in {"none": (None,), "queue": (1, 7)}.get(config.method_info.pool, (1, 7, None)):
        config.K = K
        recorded = resolve(config).counted(config, len(splits.pretrain))
        pairs = build_method(config, data).pairs(data.batch(next(iter(data.positions(0)))))
        assert (pairs.neg.shape[1] if hasattr(pairs, "neg") else None) == recorded.K
        assert hasattr(pairs, "neg") is (name in CONTRASTIVE)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_without_infonce_logs_nothing_of_it(
    name: str, splits: Splits, compose: Callable[..., DictConfig]
) -> None:
    config = compose(*asked(name), *SMALL)
    recipe = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)
    data = ViewsDataModule(splits, recipe, batch_size=20, views=config.method_info.views)
    config.K = 7 if name in CONTRASTIVE else None
    method, batch = build_method(config, data), data.batch(next(iter(data.positions(0))))
    logged = method.diagnose(*method(batch), batch)
    assert INFONCE & logged.keys() == (INFONCE if name in OBJECTIVE else set())
    assert method.loss_is_infonce is (name in OBJECTIVE)


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), StochasticDepth(0.5, "row"), nn.Dropout(0.0), nn.ReLU()])
def test_the_global_generator_is_seeded_only_for_dropout(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dropout, a step is a function of its number; without, no step touches the generator."""
    encoder = linear_encoder()
    encoder.head = nn.Sequential(layer)
    method = SimCLR(encoder, K=5).double()
    method.has_dropout = has_dropout(encoder)
    monkeypatch.setattr(method, "_log_step", lambda *_: None)
    losses = []
    for _ in range(2):
        torch.manual_seed(len(losses))
        before = torch.get_rng_state()
        losses.append(method.training_step(random_batch(), 0)["loss"])
        assert torch.equal(torch.get_rng_state(), before) is not has_dropout(encoder)
    assert losses[0] == losses[1]
    assert has_dropout(encoder) == (getattr(layer, "p", 0) > 0)


def test_views_of_one_view_methods_are_the_first_and_the_small_ones(splits: Splits) -> None:
    recipe = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0, small_views=1, small_size=12)
    both, single = (ViewsDataModule(splits, recipe, batch_size=20, views=views) for views in (2, 1))
    views = [data.batch(next(iter(data.positions(0)))).views for data in (both, single)]
    assert torch.equal(views[0][0], views[1][0])
    assert torch.equal(views[0][2], views[1][1])


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_a_method_with_negatives_takes_what_is_asked_of_them(name: str, compose: Callable[..., DictConfig]) -> None:
    """What its class does not take, build_method does not hand over, and the setting would do nothing."""
    taken = inspect.signature(get_object(compose(*asked(name)).method["_target_"])).parameters
    assert {"K", "tau", "optim"} <= taken.keys()
    assert ({"alpha", "objective", "seed"} <= taken.keys()) is (name in OBJECTIVE)


@pytest.mark.parametrize("name", sorted({*METHODS} - {*CONTRASTIVE}))
def test_K_and_alpha_of_methods_without_negatives_are_an_error(name: str, compose: Callable[..., DictConfig]) -> None:
    for setting in ("K=16", "alpha=256"):
        with pytest.raises(ConfigError, match=r"has no negatives; its settings are"):
            compose(*asked(name), setting)


@pytest.mark.parametrize(
    ("method", "wrong", "right"),
    [
        (SimCLR, {"pool": "2N"}, "2N-2 or N-1"),
        (SimCLR, {"negatives_per": "queries"}, "query or batch"),
        (SiMo, {"negatives_per": "step"}, "query or batch"),
        (SiMo, {"batchnorm": "shufle"}, "sync or split or shuffle or plain"),
        (MoCo, {"batchnorm": "none"}, "sync or split or shuffle or plain"),
    ],
)
def test_a_typo_in_python_is_named_too(method: Any, wrong: dict[str, str], right: str) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name}={value}: must be {right}$"):
        method(linear_encoder(), K=4, **wrong).pairs(random_batch())
