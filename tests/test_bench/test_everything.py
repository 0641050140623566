from pathlib import Path

import pytest

from contrastive_lab.bench import everything as module
from contrastive_lab.bench.everything import everything
from contrastive_lab.bench.page import BEGIN, END
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.speed import Outcome, Row, read_speed

ENVIRONMENT = {"host": "secret", "python": "3", "system": "Linux", "cpu": "Fast One", "cpus": 2, "gpus": []}
ENVIRONMENT |= {"driver": None, "git": "abc", "packages": {"torch": "2.15", "own": "1"}}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "environment", lambda: ENVIRONMENT)
    (tmp_path / "speed.md").write_text(f"{BEGIN}\n{END}\n")
    return tmp_path / "speed.md"


def measured(ratio: float) -> module.Measure:
    def measure(name: str) -> Outcome:
        if name == "peers":
            raise ConfigError("lightly is not installed")
        return Outcome(rows=[Row(case=name, values={"ratio": ratio})], told=["ratio"])

    return measure


def test_what_was_measured_is_kept_and_what_lacks_a_package_is_left_out(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = page.parent / "speed"
    everything(["step", "peers", "views"], measured(1.5), folder, page, tiny=False)
    everything(["views"], measured(2.5), folder, page, tiny=False)
    (path,) = folder.glob("*.json")
    speed = read_speed(path)
    assert path.name == "fast-one-2-cores.json" and speed.environment["torch"] == "2.15"
    assert "secret" not in path.read_text() and "packages" not in path.read_text()
    assert {name: each.rows[0].values for name, each in speed.benchmarks.items()} == {
        "step": {"ratio": 1.5},
        "views": {"ratio": 2.5},
    }
    assert "left out: lightly is not installed" in capsys.readouterr().out
    assert "| `views` | views | ratio | 2.5 |" in page.read_text()


def test_a_tiny_run_takes_no_true_one_s_place_and_makes_room_for_it(page: Path) -> None:
    folder = page.parent / "speed"
    everything(["step", "views"], measured(1.5), folder, page, tiny=True)
    everything(["step"], measured(2.5), folder, page, tiny=False)
    (path,) = folder.glob("*.json")
    before = path.read_text()
    assert [*read_speed(path).benchmarks] == ["step"]
    with pytest.raises(ConfigError, match=r"^--tiny: .*true measurements"):
        everything(["step"], measured(9.5), folder, page, tiny=True)
    assert path.read_text() == before


def test_a_page_that_has_no_place_ends_it_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--page "):
        everything(["step"], lambda _: pytest.fail("work was begun"), tmp_path, tmp_path / "none.md", tiny=True)
    assert not [*tmp_path.iterdir()]
