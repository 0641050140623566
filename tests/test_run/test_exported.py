import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.export import read_card
from contrastive_lab.run.export import export_run
from contrastive_lab.run.exported import exported_encoder
from tests.test_run.test_export import IMAGES, stored


@pytest.fixture
def export(tmp_path: Path, compose: Callable[..., DictConfig]) -> Path:
    """That of a run in the folder `run`."""
    config = compose("K=5", "backbone.widths=[8,16]")
    stored(tmp_path / "run", config)
    export_run(tmp_path / "run", config, tmp_path / "out")
    return tmp_path / "out"


def test_its_features_are_those_of_the_run(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    config = compose("K=5", "backbone.widths=[8,16]")
    encoder, out = stored(tmp_path / "run", config), tmp_path / "out"
    export_run(tmp_path / "run", config, out)
    card = read_card(out)
    assert card is not None
    found, step = exported_encoder(out, card)
    with torch.no_grad():
        assert torch.equal(found(IMAGES)[0], encoder(IMAGES)[0])
    assert (step, found.features, found.dim) == (7, 16, 16)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"constructor": "os.system"}, "os.system: not an untrained model"),
        ({"arguments": {"widths": [8, 8]}}, "Error"),
    ],
)
def test_what_is_no_export_is_a_line(told: dict[str, object], problem: str, export: Path) -> None:
    card = json.loads((export / "backbone.json").read_text()) | told
    (export / "backbone.json").write_text(json.dumps(card))
    with pytest.raises(ConfigError, match=f"out: cannot be read as an export .*{problem}"):
        exported_encoder(export, card)
