import torch

from contrastive_lab.losses import info_nce
from contrastive_lab.method import SimCLR, SupCon
from tests.test_method.batches import N, labelled_batch, linear_encoder, random_batch


def test_supcon_finds_the_positives_of_its_class() -> None:
    classes = torch.tensor([0, 1, 2, 0, 1, 2, 0, 3])
    method = SupCon(linear_encoder(), tau=0.2).double()
    found = method.losses(method.pairs(labelled_batch(classes)))
    z, twice = torch.cat([method.encoder(view)[1] for view in random_batch().views]), classes.repeat(2)
    for i, loss in enumerate(found):  # Eq. 2 as a loop
        others = [j for j in range(2 * N) if j != i]
        logits = {j: z[i] @ z[j] / 0.2 for j in others}
        normaliser = torch.stack([*logits.values()]).logsumexp(0)
        own = [normaliser - logits[j] for j in others if twice[j] == twice[i]]
        torch.testing.assert_close(loss, torch.stack(own).mean())


def test_supcon_without_two_of_a_class_is_simclr() -> None:
    found = SupCon(linear_encoder(), tau=0.2).double()
    simclr = SimCLR(linear_encoder(), tau=0.2).double().pairs(random_batch())
    losses = found.losses(found.pairs(labelled_batch(torch.arange(N))))
    torch.testing.assert_close(losses, info_nce(simclr.pos, simclr.neg, 0.2, reduction="none"))
