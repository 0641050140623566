from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from contrastive_lab.bench.step import bare_step, case, config_of, run, write_images
from contrastive_lab.config.devices import no_compiler
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.build import build_data, build_method

NARROW = ["backbone.widths=[8,8]", "head.dim=4", "trainer.log_every_n_steps=1"]


def test_each_line_has_its_bare_passes_beside_it() -> None:
    """As `train` runs it: with callbacks, checkpoint, metrics and schedule, two turns of two steps."""
    outcome = run(["method=simclr", "method=moco_v2 K=16"], NARROW, batch=8, size=8, steps=2, device="cpu", rounds=2)
    assert [row.case for row in outcome.rows] == ["SimCLR, K = 14", "MoCo v2, K = 16"]
    for row in outcome.rows:
        least, middle, most = (row.values[name] or 0 for name in ("least", "ratio", "most"))
        assert 0 < least <= middle <= most and min(row.values["bare s"] or 0, row.values["ours s"] or 0) > 0


def test_without_a_compiler_compiled_lines_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.bench.step.no_compiler", lambda: "needs a C++ compiler")
    lines = ["method=simo K=3", "method=simo K=3 strategy.compile=true"]
    outcome = run(lines, NARROW, batch=8, size=8, steps=1, device="cpu", rounds=1)
    assert [row.case for row in outcome.rows] == ["SiMo, K = 3"]
    assert outcome.notes[-1] == "strategy.compile=true: needs a C++ compiler"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
def test_a_compiled_line_is_compared_with_compiled_passes_too() -> None:
    line = "method=moco_v2 K=16 strategy.compile=true"
    (row,) = run([line], NARROW, batch=8, size=8, steps=1, device="cpu", rounds=1).rows
    assert (row.values["ratio to compiled"] or 0) > 0 and (row.values["ratio"] or 0) > 0


def test_a_case_is_named_by_what_tells_it_from_others(tmp_path: Path) -> None:
    found = config_of(["method=simo", "K=3", "strategy.compile=true", *NARROW], str(tmp_path), 8, 8, "cpu")
    assert case(found) == "SiMo, K = 3, compiled"


@pytest.mark.parametrize(("line", "seen"), [("method=simclr", [16]), ("method=moco_v2 K=16", [8, 8])])
def test_bare_passes_see_as_many_images_as_the_method_has_each_encoder_see(
    line: str, seen: list[int], tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SimCLR's encoder sees both views of 8 images; MoCo's queries see one, its key encoder the other."""
    write_images(str(tmp_path), 8, 8)
    config: DictConfig = config_of([*line.split(), *NARROW], str(tmp_path), 8, 8, "cpu")
    method = build_method(config, build_data(config))
    before = torch.cat([parameter.detach().flatten() for parameter in method.parameters()])
    rows: list[int] = []
    forward: Callable[..., object] = Encoder.forward
    monkeypatch.setattr(Encoder, "forward", lambda self, x: rows.append(len(x)) or forward(self, x))
    bare_step(method, config, "cpu")()
    assert rows == seen
    assert torch.equal(before, torch.cat([parameter.detach().flatten() for parameter in method.parameters()]))


@pytest.mark.parametrize(
    ("settings", "device", "message"),
    [(["K=x"], "cpu", "K=x: must be"), (["foo=1"], "cpu", "foo: no such key"), ([], "cuda", "--device cuda: ")],
)
def test_wrong_settings_end_it_before_any_work(
    settings: list[str], device: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("contrastive_lab.bench.step.write_images", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(ConfigError, match=message):
        run(["method=simo K=3"], settings, batch=8, size=8, steps=1, device=device, rounds=1)
