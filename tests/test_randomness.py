import torch

from contrastive_lab.randomness import StepRandom, generator


def test_a_draw_depends_on_all_of_its_key_and_on_nothing_else() -> None:
    keys = [(0, "order", 1), (1, "order", 1), (0, "views", 1), (0, "order", 2), (0, "order", 1, 0)]
    numbers = {tuple(torch.rand(4, generator=generator(*key)).tolist()) for key in keys}
    assert len(numbers) == len(keys)
    torch.rand(10)  # the global generator plays no part
    assert torch.equal(torch.rand(4, generator=generator(*keys[0])), torch.rand(4, generator=generator(*keys[0])))


def test_rows_are_slices_of_the_global_draw() -> None:
    whole = StepRandom(0, 2, 5, size=16, start=0, count=16)
    half = StepRandom(0, 2, 5, size=16, start=8, count=8)
    assert torch.equal(half.uniform("color", 3), whole.uniform("color", 3)[8:])
    assert torch.equal(half.permutation("shuffle"), whole.permutation("shuffle"))
    assert not torch.equal(whole.uniform("color", 3), whole.uniform("crop", 3))


def test_draws_are_float32_whatever_the_default() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert StepRandom(0, 0, 0, 4, 0, 4).uniform("x").dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_draws_of_further_views_differ() -> None:
    random = StepRandom(0, 0, 0, 8, 0, 8)
    assert not torch.equal(random.uniform("crop/2", 3), random.uniform("crop/3", 3))
