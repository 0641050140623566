"""The backbone of texts."""

import torch

from contrastive_lab.backbone import BagOfWords


def test_the_backbone_is_the_mean_of_the_words_vectors() -> None:
    net = BagOfWords(["a", "b", "c"], features=4)
    vectors = net.embedding.weight.detach().double()
    ids = torch.tensor([[1, 3, 3, 0], [2, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 0]], dtype=torch.int32)
    found = net(ids).double()
    for row, h in zip(ids.tolist(), found, strict=True):
        known = [vectors[i] for i in row if i]
        expected = sum(known) / len(known) if known else torch.zeros(4, dtype=torch.float64)
        torch.testing.assert_close(h, expected, rtol=0, atol=1e-6)
    assert (net.num_features, len(vectors)) == (4, 4)
