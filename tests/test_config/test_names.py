from typing import Any

import pytest
from omegaconf import OmegaConf

from contrastive_lab.config.names import OTHER_NAMES, OWNED, unknown
from contrastive_lab.config.overrides import base
from contrastive_lab.config.schema import GROUPS, Run
from contrastive_lab.config.values import nodes


def keys(*groups: str) -> list[str]:
    plain: Any = OmegaConf.to_container(base(groups), resolve=False)
    return [name for name, _ in nodes(plain) if not name.endswith("_target_")]


@pytest.mark.parametrize(
    ("groups", "key", "message"),
    [
        ("method=simo", "method.queue", "a setting of method=swav: add it; SiMo has momentum, negatives_per"),
        ("method=swav", "method.queu", "no such key; did you mean method.queue?"),
        (
            "backbone=resnet50",
            "backbone.widths",
            "a setting of backbone=small_resnet: add it; resnet50 has arch, width, zero_init",
        ),
        ("loss=hard", "loss.mu", "a setting of loss=spectral: add it; hard has beta, tau_plus"),
        ("loss=info_nce", "loss.foo", "info_nce has no such setting; it has none"),
        ("method=simo", "queue", "no such key; did you mean K?"),
    ],
)
def test_an_unknown_key_is_answered_with_what_may_be_meant(groups: str, key: str, message: str) -> None:
    assert unknown(base((groups,)), key, keys(groups)).startswith(f"{key}: {message}")


def test_other_names_are_of_what_there_is() -> None:
    known = {*keys("method=moco_v2"), *keys("method=swav")}
    assert OTHER_NAMES.keys() <= known | set(GROUPS)
    assert {owner for owner in OWNED.values() if "." not in owner} <= {*GROUPS, *Run.model_fields}
