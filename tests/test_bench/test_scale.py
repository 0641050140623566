import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.bench import scale
from contrastive_lab.bench.scale import growth, passes, queue_loss, run
from contrastive_lab.commands.bench import BENCHMARKS
from contrastive_lab.record.speed import Row


def test_growth_has_a_row_for_each_size_and_the_exponent(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that a step of N puts forward by N^2."""
    clock = [0.0]
    monkeypatch.setattr("contrastive_lab.bench.turns.time.perf_counter", lambda: clock[0])

    def step(N: int) -> scale.Step:
        return lambda _: clock.__setitem__(0, clock[0] + N**2)

    *rows, last = growth("loss, N", {N: step(N) for N in (10, 1000)}, rounds=2)
    assert [(row.case, row.values["s"]) for row in rows] == [("loss, N = 10", 100), ("loss, N = 1,000", 1_000_000)]
    assert last.case == "loss, N: growth" and last.values["exponent"] == pytest.approx(2)


def test_hours_of_imagenet_follow_from_seconds_of_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,281,167 images 200 times on 8 devices are 8,896.99 hours for each second an image takes."""
    monkeypatch.setattr(scale, "alternate", lambda steps, rounds: [[8.0], [4.0], [0.256]])
    monkeypatch.setattr(scale, "K", 8)
    rows = scale.imagenet(photos=2, size=32, device="cpu", rounds=1)
    assert [row.case for row in rows] == ["ImageNet, queries", "ImageNet, keys", "ImageNet, loss"]
    assert [row.values["hours"] for row in rows] == pytest.approx([4 * 8896.993, 2 * 8896.993, 8.896993], rel=1e-5)


def test_a_queue_has_the_gradient_of_the_loss_in_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """MoCo's InfoNCE of queries alone, as cross-entropy over the positive and all keys of the queue."""
    monkeypatch.setattr(scale, "D", 4)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: seen.append(loss.detach()))
    queue_loss(3, 5, "cpu")(0)
    source = torch.Generator().manual_seed(0)
    q, positive, queue = (F.normalize(torch.randn(count, 4, generator=source), dim=1) for count in (3, 3, 5))
    logits = torch.cat([(q * positive).sum(dim=1, keepdim=True), q @ queue.T], dim=1) / 0.2
    assert seen[0] == pytest.approx(float(F.cross_entropy(logits, torch.zeros(3, dtype=torch.long))), rel=1e-5)


def test_a_pass_without_backward_leaves_no_gradient() -> None:
    encoder = scale.Encoder(scale.small_resnet([8, 8]), scale.build_head("linear", features=8, dim=4))
    passes(encoder, 2, 8, backward=False)(0)
    assert all(parameter.grad is None for parameter in encoder.parameters())
    passes(encoder, 2, 8)(0)
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_each_part_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "_training", lambda count, batch, device: Row(case=f"{count}", values={"images/s": 1.0}))
    monkeypatch.setattr(scale, "imagenet", lambda *_: [Row(case="ImageNet", values={"hours": 1.0})])
    tiny = {name: option.tiny for name, option in BENCHMARKS["scale"].options.items()}
    outcome = run(**tiny, rounds=1)
    told = [{*row.values} & {*outcome.told} for row in outcome.rows]
    assert told == [{"s"}, {"s"}, {"exponent"}] * 4 + [{"images/s"}, {"hours"}]


@pytest.mark.long
def test_processes_and_imagenet_run() -> None:
    speed = scale._training(2, batch=8, device="cpu").values["images/s"] or 0
    hours = [row.values["hours"] or 0 for row in scale.imagenet(photos=2, size=32, device="cpu", rounds=1)]
    assert speed > 0 and min(hours) > 0
