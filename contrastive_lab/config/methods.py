"""The settings of each method: a model named like its class."""

from typing import Literal

from pydantic import Field

from contrastive_lab.config.model import Settings

BatchnormKind = Literal["sync", "split", "shuffle", "plain"]
NegativesPer = Literal["query", "batch"]


class Method(Settings):
    """Of a method that has none of its own."""


class MoCo(Settings):
    """Of MoCo v1 and v2."""

    momentum: float = Field(ge=0, le=1, description="of the key encoder")
    symmetric: bool = Field(description="each view is query once and key once; the loss is the mean over both")
    batchnorm: BatchnormKind = Field(description="that of batchnorm.kind")


class SiMo(Settings):
    """Of SiMo."""

    momentum: float = Field(ge=0, le=1, description="of the key encoder")
    negatives_per: NegativesPer = Field(description="query: each draws its own negatives; batch: all share one draw")
    batchnorm: BatchnormKind = Field(description="that of batchnorm.kind")


class SimCLR(Settings):
    """Of SimCLR."""

    pool: Literal["2N-2", "N-1"] = Field(description="2N-2: both views of the other images; N-1: the other view alone")
    negatives_per: NegativesPer = Field(description="query: each draws its own negatives; batch: all share one draw")


class NPID(Settings):
    """Of NPID."""

    bank_momentum: float = Field(ge=0, le=1, description="of the entries of the memory bank")
    proximal: float = Field(ge=0, description="weight of |query - entry|^2")
    positive_drawn: bool = Field(description="an image's own entry may be among its negatives, as in the authors' code")


class SwAV(Settings):
    """Of SwAV."""

    prototypes: int = Field(ge=2, description="number of them")
    epsilon: float = Field(gt=0, description="of Sinkhorn-Knopp")
    sinkhorn_iterations: int = Field(ge=1, description="of Sinkhorn-Knopp")
    queue: int = Field(ge=0, description="older vectors of each of two views that lengthen the batch for the codes")
    queue_from_epoch: int = Field(ge=0, description="epoch from which they are collected")
    freeze_epochs: float = Field(ge=0, description="epochs, or a part of one, in which the prototypes stay as they are")
