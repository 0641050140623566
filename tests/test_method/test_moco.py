import torch

from contrastive_lab.losses import info_nce
from contrastive_lab.method import MoCo
from tests.test_method.batches import N, linear_encoder, random_batch


def test_moco_contrasts_with_the_queue_as_it_was_and_pushes_after_the_step() -> None:
    method = MoCo(linear_encoder(), K=11, momentum=0.5).double()
    start = method.queue.keys.clone()
    pairs = method.pairs(random_batch())
    query = method.encoder(random_batch().views[0])[1]
    torch.testing.assert_close(pairs.neg, query @ start.T)
    keys = method.key_encoder(random_batch().views[1], random_batch().random)
    torch.testing.assert_close(pairs.pos, (query * keys).sum(1))
    method.after_step()
    assert method.queue.ids.tolist() == [*range(N), -1, -1, -1]
    torch.testing.assert_close(method.queue.keys[:N], keys)


def test_symmetric_moco_is_the_mean_of_both_directions() -> None:
    first, second = random_batch(), random_batch()._replace(views=random_batch().views[::-1])
    both = MoCo(linear_encoder(), K=11, symmetric=True).double().pairs(first)
    single = [MoCo(linear_encoder(), K=11).double().pairs(b) for b in (first, second)]
    means = [info_nce(pairs.pos, pairs.neg, 0.2) for pairs in single]
    torch.testing.assert_close(info_nce(both.pos, both.neg, 0.2), (means[0] + means[1]) / 2)
