from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that has to stay as it is; `pwned` beside it is what code of the hostile folder would make."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    yield folder
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("mine", "mine")]
    assert not (tmp_path / "pwned").exists()
