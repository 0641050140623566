"""The settings of what is measured of an encoder: at the end, and during training."""

from typing import Literal

from pydantic import Field

from contrastive_lab.config.model import Settings


class Evaluation(Settings):
    """A final evaluation without settings of its own."""

    name: str = Field(description="in result.json")
    features: Literal["h", "z", "pixels"] = Field(description="h (backbone), z (unit vectors of the head) or pixels")


class Linear(Evaluation):
    """Linear evaluation."""

    epochs: int = Field(ge=1, description="of the linear classifier")


class LinearMoco(Linear):
    """MoCo's linear evaluation."""

    lr: float = Field(gt=0, description="learning rate")


class Knn(Evaluation):
    """Nearest neighbours."""

    k: int = Field(ge=1, description="neighbours")
    temperature: float = Field(gt=0, description="of their weights")


class OnlineProbe(Settings):
    """A linear probe trained beside the encoder."""

    every_n_epochs: int = Field(ge=1, description="how often it is scored")
    lr: float = Field(gt=0, description="learning rate per 256 images")


class KnnProbe(Settings):
    """Nearest neighbours during training."""

    every_n_epochs: int = Field(ge=1, description="how often they are looked up")
    k: int = Field(ge=1, description="neighbours")
    temperature: float = Field(gt=0, description="of their weights")


class Probes(Settings):
    """Measured during training, on features h."""

    online: OnlineProbe
    knn: KnnProbe
