import torch

from contrastive_lab.losses import info_nce
from contrastive_lab.method import SimCLR, SupCon
from tests.test_method.batches import N, labelled_batch, linear_encoder, random_batch


def test_supcon_finds_the_positives_of_its_class() -> None:
    classes = torch.tensor([0, 1, 2, 0, 1, 2, 0, 3])
    method = SupCon(linear_encoder(), tau=0.2).double()
    pairs = method.pairs(labelled_batch(classes))
    twice = torch.cat([classes, classes])
    expected = (twice[:, None] == twice) & ~torch.eye(2 * N, dtype=torch.bool)
    assert torch.equal(pairs.positives, expected)
    z = torch.cat([method.encoder(view)[1] for view in random_batch().views])
    torch.testing.assert_close(pairs.cosines, z @ z.T)


def test_supcon_without_two_of_a_class_is_simclr() -> None:
    found = SupCon(linear_encoder(), tau=0.2).double()
    simclr = SimCLR(linear_encoder(), tau=0.2).double().pairs(random_batch())
    losses = found.losses(found.pairs(labelled_batch(torch.arange(N))))
    torch.testing.assert_close(losses, info_nce(simclr.pos, simclr.neg, 0.2, reduction="none"))
