"""What is sampled for the losses."""

import torch

from contrastive_lab.detect.sampler import Sampler
from contrastive_lab.randomness import StepRandom


def sampler(start: int = 0, step: int = 0) -> Sampler:
    made = Sampler("rois", 16, 0.25)
    made.random = StepRandom(0, 0, step, 4, start, 2)
    return made


LABELS = torch.tensor([1] * 10 + [0] * 40 + [-1] * 50)


def test_a_quarter_has_an_object_where_there_are_enough_and_the_rest_has_none() -> None:
    (objects, _), (others, _) = sampler()([LABELS, LABELS])
    assert (int(objects.sum()), int(others.sum())) == (4, 12)
    assert (LABELS[objects] == 1).all() and (LABELS[others] == 0).all()
    (few,), (rest,) = sampler()([LABELS[9:]])
    assert (int(few.sum()), int(rest.sum())) == (1, 15)
    (none,), (all_,) = sampler()([LABELS[45:50]])
    assert (int(none.sum()), int(all_.sum())) == (0, 5)


def test_it_is_a_function_of_the_step_and_of_the_place_in_the_whole_batch() -> None:
    (_, second), _ = sampler()([LABELS, LABELS])
    (alone,), _ = sampler(start=1)([LABELS])
    assert torch.equal(second, alone)
    draws = torch.stack([sampler(step=step)([LABELS])[1][0] for step in range(50)]).float()
    assert (draws.sum(1) == 12).all()
    assert (draws.mean(0)[10:50] - 12 / 40).abs().max() < 0.3  # each of the 40 is as likely as the others
