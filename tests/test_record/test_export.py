import json
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.export import read_card

CARD: dict[str, Any] = {"step": 7, "images": {"size": 28, "mean": [0.5], "std": [0.25]}}


def test_a_card_is_read_and_a_runs_folder_has_none(tmp_path: Path) -> None:
    assert read_card(tmp_path) is None
    (tmp_path / "backbone.json").write_text(json.dumps(CARD))
    assert read_card(tmp_path) == CARD
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text("seed: 0\n")
    assert read_card(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({**CARD, "images": None}), json.dumps({**CARD, "images": {"size": "x"}})]
)
def test_what_is_no_card_is_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "backbone.json").write_text(text)
    with pytest.raises(ConfigError, match=r"backbone\.json cannot be read as the card of an export"):
        read_card(tmp_path)
