"""Object detection from a pre-trained encoder: scenes with boxes, a Faster R-CNN with FPN, average precision."""
