"""Every protocol on an encoder, and MoCo's probe against its published schedule and SGD written a second time."""

import math

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.errors import RunError
from contrastive_lab.evaluation import protocols
from contrastive_lab.evaluation.linear import gradient
from contrastive_lab.evaluation.protocols import MocoProbe
from contrastive_lab.evaluation.scores import Scores
from tests.labelled_features import TRAIN, noisy_classes
from tests.small_encoders import RECIPE, encoder


@pytest.mark.parametrize("name", ["linear", "knn", "mean", "linear_moco"])
def test_every_protocol_separates_separable_images(name: str, splits: Splits) -> None:
    for split in (splits.train, splits.test):
        split.images[:] = 0
        for i, label in enumerate(split.labels):
            split.images[i, ..., label] = 250  # red, green or blue
    options = {"epochs": 60, "lr": 1.0} if name == "linear_moco" else {}
    scores = getattr(protocols, name)(
        encoder(), ViewsDataModule(splits, RECIPE, batch_size=40), features="h", **options
    )
    assert scores.top1 > 95
    assert scores.top5 == 100  # three classes


def test_a_methods_own_classifier_is_scored_on_clean_test_images(splits: Splits) -> None:
    """Against logits image by image, in eval mode, where rows do not meet."""
    own, data = encoder(), ViewsDataModule(splits, RECIPE, batch_size=40)
    classifier = torch.nn.Linear(own.features, 3)
    images = RECIPE.clean(splits.test.tensor("cpu"))
    own.eval()
    with torch.no_grad():
        guesses = [int((classifier.weight @ own(image[None])[0][0] + classifier.bias).argmax()) for image in images]
    own.train()
    expected = [guess == label for guess, label in zip(guesses, splits.test.labels.tolist(), strict=True)]
    scores = protocols.classifier(own, data, classifier)
    assert scores.right.tolist() == expected and scores.top1 == pytest.approx(100 * sum(expected) / 30)
    assert own.training


def test_a_learning_rate_at_which_the_probe_is_not_finite_is_named(splits: Splits) -> None:
    data = ViewsDataModule(splits, RECIPE, batch_size=40)
    with pytest.raises(RunError, match=r"^evaluation\.lr=1e\+38: the weights of linear_moco are not finite; lower it$"):
        protocols.linear_moco(encoder(), data, epochs=10, lr=1e38)


def test_moco_probe_starts_and_falls_as_published() -> None:
    state = torch.get_rng_state()
    probe = MocoProbe(dim=100, classes=200, steps_per_epoch=3, epochs=10)
    assert torch.equal(torch.get_rng_state(), state)
    assert not probe.head.bias.any()
    assert float(probe.head.weight.detach().std()) == pytest.approx(0.01, abs=4 * 0.01 / math.sqrt(2 * 20000))
    learning_rates = []
    for _ in range(30):
        learning_rates.append(probe.optimizer.param_groups[0]["lr"])
        probe.step(torch.zeros(2, 100), torch.tensor([0, 1]))
    assert learning_rates == pytest.approx([30.0] * 18 + [3.0] * 6 + [0.3] * 6)


def test_moco_probe_step_is_sgd_without_decay() -> None:
    probe = MocoProbe(dim=8, classes=7, steps_per_epoch=10)
    inputs, velocity = F.pad(TRAIN.features, (0, 1), value=1.0), torch.zeros(7, 9)
    weights = F.pad(probe.head.weight.detach(), (0, 1))  # the bias is the last column
    for _ in range(2):
        loss = probe.step(TRAIN.features, TRAIN.labels)
        torch.testing.assert_close(loss, F.cross_entropy(inputs @ weights.T, TRAIN.labels))
        velocity = 0.9 * velocity + gradient(weights[:, None], inputs, TRAIN.labels)[:, 0]
        weights = weights - 30 * velocity
    torch.testing.assert_close(probe.head.weight.detach(), weights[:, :8])
    torch.testing.assert_close(probe.head.bias.detach(), weights[:, 8])


def test_moco_probe_learns_inside_inference_mode() -> None:
    with torch.inference_mode():
        train, test = noisy_classes("train", 200, noise=0.02), noisy_classes("test", 100, noise=0.02)
        probe = MocoProbe(dim=8, classes=7, steps_per_epoch=1, epochs=50)
        for _ in range(50):
            loss = probe.step(train.features, train.labels)
        assert not loss.requires_grad
        assert probe.scores(test) == Scores(100, 100)
