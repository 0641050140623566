"""Resizing and blurring as matrix products: rows @ image @ columns^T, one pair of small matrices per image.

Letters: n images, C channels, H and W height and width, s side of the result. Interpolation is "bilinear" or "bicubic".
"""

import torch
from torch import Tensor


def separable(images: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Filter each image along both axes: (n, C, H, W), (n, s, H), (n, t, W) -> (n, C, s, t) in the dtype of `rows`.

    Autocast is off: pixels need more than bfloat16.
    """
    with torch.autocast(images.device.type, enabled=False):
        lines = images.to(rows.dtype).flatten(1, 2) @ cols.mT  # faster than one product for each channel
        return rows.unsqueeze(1) @ lines.view(*images.shape[:3], -1)


def resized_crop(images: Tensor, boxes: Tensor, size: int, interpolation: str, dtype: torch.dtype) -> Tensor:
    """Crop a box of each image and resize it with antialiasing, as torchvision's resized_crop with `antialias`.

    (n, C, H, W), uint8 or float in [0, 1] -> (n, C, s, s) in [0, 1], where s is `size` and what bicubic overshoots is
    clamped; all arithmetic is in `dtype`. `boxes` are integers (n, 4) on the same device, inside the image: top, left,
    height, width.
    """
    top, left, height, width = boxes.to(dtype).unbind(1)
    rows = resize_weights(top, height, images.shape[2], size, interpolation)
    cols = resize_weights(left, width, images.shape[3], size, interpolation)
    if not images.is_floating_point():
        rows.div_(255)
    return separable(images, rows, cols).clamp_(0, 1)


def resize_weights(start: Tensor, length: Tensor, total: int, size: int, interpolation: str) -> Tensor:
    """Weights (n, size, total) that resize the pixels start..start+length, float (n,), of `total` to `size` pixels.

    Each row sums to 1 and is zero outside the box.
    """
    start, length = start.view(-1, 1, 1), length.view(-1, 1, 1)
    scale = length / size
    support = scale.clamp(min=1)  # antialiasing: the filter widens when the image shrinks
    pixel = torch.arange(total, device=start.device) - start
    outside = (pixel < 0) | (pixel >= length)
    # A pixel outside the box is infinitely far from every centre, so that the filter gives it no weight.
    pixel = pixel.add_(0.5).div_(support).masked_fill_(outside, torch.inf)
    centre = (torch.arange(size, device=start.device).view(-1, 1) + 0.5) * (scale / support)
    distance = (pixel - centre).abs_()
    weights = {"bilinear": _triangle_, "bicubic": _cubic_}[interpolation](distance)
    return weights.div_(weights.sum(-1, keepdim=True))


def gaussian_blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Blur each image with its own sigma and reflected edges, as torchvision's gaussian_blur: float (n, C, H, W).

    `sigma` (n,), above 0, and `kernel`, an odd width, are in pixels; H and W are above kernel // 2.
    """
    height, width = images.shape[2:]
    rows = blur_weights(sigma, height, kernel)
    return separable(images, rows, rows if height == width else blur_weights(sigma, width, kernel))


def blur_weights(sigma: Tensor, size: int, kernel: int) -> Tensor:
    """Gaussian weights over `size` pixels, with the reflected pixels folded in: (n,) -> (n, size, size)."""
    steps = torch.arange(kernel // 2 + 1, dtype=sigma.dtype, device=sigma.device)
    weights = (steps / sigma.unsqueeze(1)).square_().mul_(-0.5).exp_()
    weights /= 2 * weights.sum(1, keepdim=True) - weights[:, :1]  # all but the middle one occur twice
    i, last = torch.arange(size, device=sigma.device).unsqueeze(1), size - 1
    # Pixel j is seen where it is, and once more behind each edge unless it is the edge itself; `size` is too far.
    j = i.T
    ways = (i - j).abs(), (i + j).masked_fill(j == 0, size), (2 * last - i - j).masked_fill(j == last, size)
    times = (torch.stack(ways) == steps.view(-1, 1, 1, 1)).sum(1)  # at each distance, (steps, size, size)
    with torch.autocast(sigma.device.type, enabled=False):
        matrices = weights @ times.flatten(1).to(sigma.dtype)
    return matrices.view(-1, size, size)


def _triangle_(distance: Tensor) -> Tensor:
    return distance.neg_().add_(1).clamp_(min=0)


def _cubic_(distance: Tensor) -> Tensor:
    """Keys' cubic with a = -0.5, which PyTorch and PIL take when antialiasing: v^2 (v - 1) / 2 - u^2 (2u - 1).

    Here u and v are what is left of the way to 1 and to 2, and 0 beyond; the first term alone is the outer piece.
    """
    v = distance.neg_().add_(2).clamp_(min=0)
    u = (v - 1).clamp_(min=0)
    inner = (2 * u).sub_(1).mul_(u).mul_(u)
    return (v - 1).mul_(v).mul_(v).mul_(0.5).sub_(inner)
