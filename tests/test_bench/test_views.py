import pytest
from torchvision import transforms

from contrastive_lab.bench.views import run, torchvision_recipe
from contrastive_lab.config.devices import no_compiler


def test_each_library_is_compared_with_and_without_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.bench.views.missing", lambda package: f"{package} is not installed")
    monkeypatch.setattr("contrastive_lab.bench.views.no_compiler", lambda: "no compiler")
    outcome = run(batch=4, size=8, rounds=1)
    libraries = ("ours", "torchvision, PIL", "torchvision v2, tensors")
    cases = [f"{library}, {blur}" for blur in ("without blur", "with blur") for library in libraries]
    assert [row.case for row in outcome.rows] == cases
    for ours, *rows in (outcome.rows[:3], outcome.rows[3:]):
        for row in rows:
            speeds = [each.values["images/s"] or 0 for each in (ours, row)]
            assert row.values["ratio"] == pytest.approx(speeds[0] / speeds[1])  # of one turn
    assert outcome.notes == ["4 images of 8 pixels", "kornia is not installed", "strategy.compile=true: no compiler"]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
def test_the_compiled_recipe_is_one_of_those_compared() -> None:
    cases = [row.case for row in run(batch=4, size=8, rounds=1).rows]
    name = "ours with strategy.compile=true"
    assert [case for case in cases if case.startswith(name)] == [f"{name}, without blur", f"{name}, with blur"]


def test_blur_is_one_step_of_the_recipe() -> None:
    """Facebook's list: crop, jitter, gray, blur, flip, tensor, normalise."""
    plain, blurred = (torchvision_recipe(8, blur).transforms for blur in (0.0, 0.5))
    assert len(plain) == 6 and len(blurred) == 7 and blurred[3].p == 0.5
    assert isinstance(blurred[3].transforms[0], transforms.GaussianBlur)
