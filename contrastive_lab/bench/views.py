"""Images per second of augmentations: torchvision's, image by image, and ours, by whole batches."""

import statistics

import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms as T

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.bench.turns import alternate, machine
from contrastive_lab.randomness import StepRandom

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def run(batch: int, size: int, repeats: int) -> None:
    """Print images per second of MoCo v2's recipe without blur: torchvision on PIL images, and whole batches."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    crop, color = Crop(scale=(0.2, 1.0)), Color(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    recipe = Recipe(size, MEAN, STD, crop, flip=0.5, color=color, gray=0.2, blur=0.0)
    transform = torchvision_recipe(size)

    def one_by_one(_: int) -> Tensor:
        return torch.stack([transform(picture) for picture in pictures])

    def whole_batch(step: int) -> Tensor:
        return recipe(images, StepRandom(0, 0, step, batch, 0, batch), view=0)

    seconds = alternate({one_by_one: 1, whole_batch: 10}, repeats)
    speeds = [batch / statistics.median(times) for times in seconds]
    print(f"{machine()}, batch {batch}, {size} pixels")
    print(f"torchvision, image by image: {speeds[0]:9.0f} images/s")
    print(f"contrastive_lab, whole batch: {speeds[1]:8.0f} images/s")
    print(f"ratio: {speeds[1] / speeds[0]:.1f}")


def torchvision_recipe(size: int) -> T.Compose:
    """MoCo v2's transform without blur, as facebookresearch/moco writes it."""
    steps = [
        T.RandomResizedCrop(size, scale=(0.2, 1.0)),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomHorizontalFlip(),
        T.ToTensor(),
        T.Normalize(MEAN, STD),
    ]
    return T.Compose(steps)
