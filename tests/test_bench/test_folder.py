from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contrastive_lab.bench.folder import photo, run, write_photos
from contrastive_lab.errors import ConfigError


def test_others_are_compared_with_ours() -> None:
    outcome = run(images=4, size=8, batch=2, workers=0, device="cpu", rounds=1)
    assert [row.case for row in outcome.rows] == ["torchvision", "bare decode"]
    for row in outcome.rows:
        speed, ours = row.values["images/s"] or 0, row.values["ours images/s"] or 0
        assert row.values["ratio"] == pytest.approx(ours / speed)  # of one turn


def test_photos_are_jpegs_of_two_classes_between_400_and_600_pixels(tmp_path: Path) -> None:
    write_photos(tmp_path, 3)
    files = sorted(tmp_path.rglob("*.jpg"))
    assert [path.relative_to(tmp_path).parts[0] for path in files] == ["class0", "class0", "class1"]
    for path in files:
        with Image.open(path) as image:
            assert image.format == "JPEG" and all(400 <= side <= 600 for side in image.size)


def test_a_photo_has_the_spectrum_of_photos() -> None:
    """Amplitude falls like 1 / f, power like 1 / f^2, over two octaves (Field 1987, of natural images)."""
    source = np.random.default_rng(0)
    power = np.mean([np.abs(np.fft.fft2(photo(256, 256, source).mean(axis=2))) ** 2 for _ in range(8)], axis=0)
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256) * 256] * 2))
    rings = [4, 8, 16, 32]
    means = [power[(radius >= ring / 1.2) & (radius < ring * 1.2)].mean() for ring in rings]
    slope = np.polyfit(np.log(rings), np.log(means), 1)[0]
    assert slope == pytest.approx(-2, abs=0.7)


def test_a_batch_beyond_the_images_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^--batch 10: must be at most the 5 of --images$"):
        run(images=5, size=8, batch=10, workers=0, device="cpu", rounds=1)
