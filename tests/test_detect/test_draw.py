"""Pictures with boxes."""

import torch

from contrastive_lab.detect.draw import COLOURS, box_sheet


def test_boxes_are_drawn_where_they_are_in_the_colour_of_their_class() -> None:
    image = torch.zeros(3, 48, 96, dtype=torch.uint8)
    box = torch.tensor([[10.0, 8, 40, 30]])
    sheet = box_sheet(
        [image, image[:, :24]], [box, box[:0]], [torch.tensor([2]), torch.tensor([])], ("a", "b"), words=False
    )
    assert sheet.shape == (3 * 48 + 8, 2 * (3 * 96 + 4) + 4, 3)  # three times as large, 4 pixels between
    colour = [int(COLOURS[1][i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = (sheet == colour).all(axis=2).nonzero()
    assert (rows.min(), columns.min()) == (4 + 24, 4 + 30)
    assert abs(rows.max() - (4 + 90)) <= 1 and abs(columns.max() - (4 + 120)) <= 1
    assert (sheet[4 + 72 : 4 + 144, 300:580] == 255).all()  # below the smaller image
