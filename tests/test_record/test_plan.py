from pathlib import Path

import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.plan import Job, Plan, read_plan


def test_what_is_written_of_a_sweep_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = [Job("K=4", "simo-K4-a4-s0", ["K=4"], "0" * 12, arm="InfoNCE")]
    plan = Plan("s", "python train.py -m K=4", ["K=4"], {"x": "K"}, "laptop", jobs)
    plan.folder.mkdir(parents=True)
    plan.write()
    assert read_plan(plan.folder) == plan


def test_a_plan_of_an_earlier_version_or_a_later_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"jobs": [{"folder": "a", "overrides": ["K=4"], "new": 1}], "scale": null}')
    assert read_plan(tmp_path) == Plan(tmp_path.name, jobs=[Job("a", "a", ["K=4"], "")])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"jobs": 3}', '{"jobs": [{"folder": "a"}]}', '{"jobs": ["a"]}'])
def test_a_plan_that_cannot_be_read_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ConfigError, match=r"^sweep=.*: sweep\.json cannot be read"):
        read_plan(tmp_path)
