"""A recipe of augmentations: crop, flip, then colour jitter, grey and blur in the paper's order, then normalisation.

Letters: n images, C channels (1 or 3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.augment import ops
from contrastive_lab.augment.crop import TRIES, Crop, between, resized_crop
from contrastive_lab.augment.ops import Color
from contrastive_lab.randomness import StepRandom, to_device


@dataclass(frozen=True)
class Recipe:
    """How a view is made; every random number is a function of the step, the view and the operation.

    Turning an operation off therefore leaves the numbers of the others as they were. They are made on the CPU and sent
    to the images' device, which the host never waits for.

    A view is `size` pixels high and wide. `flip`, `gray` and `blur` are probabilities; `mean` and `std` are one number
    for each of the three channels, or one for all. `order` lists what follows crop and flip, "color", "gray", "blur";
    what is left out is off. The blur is Gaussian with a standard deviation uniform in `blur_sigma` pixels and a kernel
    a tenth of the size wide (SimCLR, Appendix A). `small_views` are further, smaller views of an image beside its two,
    of `small_size` pixels and cropped by `small_crop` (multi-crop; Caron et al. 2020, Sec. 3.2).
    """

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    crop: Crop
    flip: float
    color: Color
    gray: float
    blur: float
    blur_sigma: Sequence[float] = (0.1, 2.0)
    order: Sequence[str] = ("color", "gray", "blur")
    small_views: int = 0
    small_size: int = 0
    small_crop: Crop = field(default_factory=lambda: Crop(scale=(0.05, 0.14)))

    def of(self, view: int) -> "Recipe":
        """The recipe of one view: this one for the views 0 and 1, that of the small views for the others."""
        return self if view < 2 else replace(self, size=self.small_size, crop=self.small_crop, small_views=0)

    def __call__(self, images: Tensor, random: StepRandom, view: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Make one view of each image: uint8 (n, C, H, W) -> `dtype` (n, 3, size, size)."""
        recipe = self.of(view)
        return recipe._recolor_(recipe.crop_batch(images, random, view, dtype, flipped=True), random, view)

    def boxes(self, random: StepRandom, view: int, heights: Tensor, widths: Tensor) -> Tensor:
        """Crop boxes for images of the given sizes, integers (n,) on the CPU: top, left, height, width, (n, 4)."""
        return self.crop.boxes(random.uniform(f"crop/{view}", TRIES, 4), heights, widths)

    def crop_batch(
        self, images: Tensor, random: StepRandom, view: int, dtype: torch.dtype = torch.float32, flipped: bool = False
    ) -> Tensor:
        """Crop and resize, and flip if `flipped`: uint8 (n, C, H, W) -> `dtype` (n, C, size, size) in [0, 1]."""
        heights, widths = (torch.full((len(images),), side) for side in images.shape[2:])
        boxes = to_device(self.boxes(random, view, heights, widths), images.device)
        flip = to_device(self._flips(random, view), images.device) if flipped else None
        return self._resized_crop()(images, boxes, self.size, self.crop.interpolation, dtype, flip)

    def finish(self, crops: Tensor, random: StepRandom, view: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Flip, apply the operations of `order` and normalise: (n, C, size, size) -> `dtype` (n, 3, size, size).

        The crops are uint8, or float in [0, 1], and stay as they are. One channel becomes three only for the
        normalisation, since no operation gives colour to a grey image.
        """
        images = crops.to(dtype, copy=True)
        images = images if crops.is_floating_point() else images.div_(255)
        ops.replace_(images, self._flips(random, view), lambda part: part.flip(-1))
        return self._recolor_(images, random, view)

    def clean(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Resize and normalise without augmentation: uint8 (n, C, H, W) -> `dtype` (n, 3, size, size)."""
        size = (self.size, self.size)
        if images.shape[-2:] != size:
            resized = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
            images = resized.round().clamp(0, 255)
        colour = (images.to(dtype) / 255).expand(-1, 3, -1, -1).contiguous()
        return ops.normalize_(colour, self.mean, self.std)

    def last(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        """Change images (n, C, size, size) in [0, 1] before they are normalised: for a class that adds to a recipe."""
        return images

    def _resized_crop(self) -> Callable[..., Tensor]:
        return resized_crop

    def _flips(self, random: StepRandom, view: int) -> Tensor:
        return random.uniform(f"flip/{view}") < self.flip

    def _recolor_(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        steps = {"color": self._color_, "gray": self._gray_, "blur": self._blur_}
        for name in self.order:
            images = steps[name](images, random, view)
        images = self.last(images, random, view)
        return ops.normalize_(images.expand(-1, 3, -1, -1).contiguous(), self.mean, self.std)

    def _jitter(self, random: StepRandom, view: int) -> tuple[Tensor, Tensor]:
        """Factors and order of the operations, as `jitter_` takes them."""
        numbers = random.uniform(f"color/{view}", 9)
        return self.color.factors(numbers[:, 1:5]), self.color.order(numbers[:, 0], numbers[:, 5:])

    def _color_(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        return ops.jitter_(images, *self._jitter(random, view))

    def _grays(self, random: StepRandom, view: int) -> Tensor:
        return random.uniform(f"gray/{view}") < self.gray

    def _gray_(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        return ops.replace_(images, self._grays(random, view), ops.gray)

    def _blur_(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        apply, numbers = random.uniform(f"blur/{view}", 2).unbind(1)
        chosen = apply < self.blur
        sigma = to_device(between(numbers[chosen], *self.blur_sigma).to(images.dtype), images.device)
        kernel = max(self.size // 10 | 1, 3)  # odd
        return ops.replace_(images, chosen, lambda part: ops.gaussian_blur(part, sigma, kernel))
