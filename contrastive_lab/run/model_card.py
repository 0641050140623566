"""What stands beside exported weights: how images are made into what the net takes, and a page for a model hub."""

from typing import Any

from omegaconf import DictConfig

from contrastive_lab.config.identity import identity
from contrastive_lab.config.values import typed
from contrastive_lab.record.files import CARD, ONNX

PAGE = """---
library_name: {library}
pipeline_tag: image-feature-extraction
tags:
- contrastive-learning
- {method}
- {dataset}
---

# {title}

Features of images, trained with contrastive_lab for {step} steps. The whole configuration and result stand in `{card}`.

{table}

With torch and {library} alone:

```python
{code}
net.eval()
```

or with contrastive_lab, from this folder:

```python
from contrastive_lab.run.export import load_backbone

net = load_backbone(".")
```

Images are read as RGB, a grey one as three equal channels, and made into what the net takes by

```python
from torchvision.transforms.v2 import CenterCrop, Compose, Normalize, RGB, Resize, ToDtype, ToImage

prepare = Compose({steps})
```

so that `net(prepare(image)[None])` are the features (1, {features}) of a PIL image.{more}
"""


def preprocessing(config: DictConfig) -> dict[str, Any]:
    """What is done with a test image, in order: its shorter side, the side of the central crop, range, mean and std.

    Images in files are resized to 8/7 of the crop (256 for 224), arrays, which have a size of their own, to the crop.
    """
    values = identity(config)
    size = int(values["augment.size"])
    mean, std = ([*values[f"augment.{key}"]] for key in ("mean", "std"))
    return {
        "channels": "RGB",
        "resize": round(size * 8 / 7) if "root" in config.dataset else size,
        "interpolation": "bilinear",
        "size": size,
        "range": [0, 1],
        "mean": mean * (3 // len(mean)),
        "std": std * (3 // len(std)),
    }


def page(card: dict[str, Any], features: int, onnx: bool) -> str:
    """README.md of an export with features of such a width: front matter of a hub, what it is, and how it is used."""
    result, images, library = card["result"], card["images"], card["constructor"].partition(".")[0]
    arch = card["arguments"].get("model_name") or card["constructor"].rpartition(".")[2]
    known = ("method", "dataset", "K", "alpha", "tau", "batch_size", "epochs", "seed", "labels", "git")
    rows = {key: result[key] for key in known if result.get(key) is not None}
    rows |= {f"{key}, %": f"{value:.2f}" for key, value in result.items() if "_top" in key and value is not None}
    rows |= {"classes": ", ".join(card["classes"])} if card["classes"] else {}
    resized = f"Resize({images['resize']}), CenterCrop({images['size']})"
    if images["resize"] == images["size"]:
        resized = f"Resize(({images['size']}, {images['size']}))"
    scaled = f"ToDtype(torch.float32, scale=True), Normalize({images['mean']}, {images['std']})"
    return PAGE.format(
        library=library,
        method=result["method"],
        dataset=card["config"]["dataset.name"],
        title=f"{arch}, {result['method']} on {card['config']['dataset.name']}",
        step=card["step"],
        card=CARD,
        table="\n".join(["| | |", "|---|---|", *(f"| {key} | {typed(value)} |" for key, value in rows.items())]),
        code="\n".join(card["code"]),
        steps=f"[ToImage(), RGB(), {resized}, {scaled}]",
        features=features,
        more=f" `{ONNX}` is the same net, `images` to `features`, of any number of them." if onnx else "",
    )
