"""Settings of methods, losses and evaluations: a model named like the class or function that each configures."""

from typing import Annotated, Literal

from pydantic import Field

from contrastive_lab.config.model import Settings

BatchnormKind = Literal["sync", "split", "shuffle", "plain"]
NegativesPer = Literal["query", "batch"]
TauPlus = Annotated[float, Field(ge=0, lt=1, description="share of negatives taken to be of the query's own class")]


class Method(Settings):
    """Of a method that has none of its own."""


class MoCo(Settings):
    """A momentum encoder and a queue."""

    momentum: float = Field(ge=0, le=1, description="of the key encoder")
    symmetric: bool = Field(description="each view is query once and key once; the loss is the mean over both")
    batchnorm: BatchnormKind = Field(description="that of batchnorm.kind")


class SiMo(Settings):
    """A momentum encoder and negatives of the batch."""

    momentum: float = Field(ge=0, le=1, description="of the key encoder")
    negatives_per: NegativesPer = Field(description="query: each draws its own negatives; batch: all share one draw")
    batchnorm: BatchnormKind = Field(description="that of batchnorm.kind")


class SimCLR(Settings):
    """One encoder and negatives of the batch."""

    pool: Literal["2N-2", "N-1"] = Field(description="2N-2: both views of the other images; N-1: the other view alone")
    negatives_per: NegativesPer = Field(description="query: each draws its own negatives; batch: all share one draw")


class NPID(Settings):
    """A memory bank."""

    bank_momentum: float = Field(ge=0, le=1, description="of the entries of the memory bank")
    proximal: float = Field(ge=0, description="weight of |query - entry|^2")
    positive_drawn: bool = Field(description="an image's own entry may be among its negatives, as in the authors' code")


class SwAV(Settings):
    """Prototypes and codes."""

    prototypes: int = Field(ge=2, description="number of them")
    epsilon: float = Field(gt=0, description="of Sinkhorn-Knopp")
    sinkhorn_iterations: int = Field(ge=1, description="of Sinkhorn-Knopp")
    queue: int = Field(ge=0, description="older vectors of each of two views that lengthen the batch for the codes")
    queue_from_epoch: int = Field(ge=0, description="epoch from which they are collected")
    freeze_epochs: float = Field(ge=0, description="epochs, or a part of one, in which the prototypes stay as they are")


class Supervised(Settings):
    """A linear classifier."""

    frozen: bool = Field(description="the backbone stays as it is, and the classifier alone is trained")


class InfoNce(Settings):
    """InfoNCE, with alpha and dclw_sigma EqCo, DCL and DCLW."""

    name: Literal["info_nce"] = Field(description="of the loss")


class Loss(Settings):
    """Of a plugin's loss."""

    name: str = Field(description="of the loss")


class Nce(Settings):
    """Noise-contrastive estimation with a constant Z."""

    name: Literal["nce"] = Field(description="of the loss")


class Spectral(Settings):
    """The spectral contrastive loss."""

    name: Literal["spectral"] = Field(description="of the loss")
    mu: float = Field(gt=0, description="squared norm of the features")
    phi: Literal["square", "exp"] = Field(description="of the negatives' cosines")
    phi_tau: float = Field(gt=0, description="temperature of phi=exp")


class Debiased(Settings):
    """Debiased InfoNCE."""

    name: Literal["debiased"] = Field(description="of the loss")
    tau_plus: TauPlus


class Hard(Settings):
    """Debiased InfoNCE with weights for near negatives."""

    name: Literal["hard"] = Field(description="of the loss")
    tau_plus: TauPlus
    beta: float = Field(ge=0, description="how much more near negatives count")


class DualTemperature(Settings):
    """InfoNCE with a second temperature for the size of the gradient."""

    name: Literal["dual_temperature"] = Field(description="of the loss")
    second_tau: float = Field(gt=0, description="temperature of the factor of the gradient")


class Evaluation(Settings):
    """A final evaluation without settings of its own."""

    name: str = Field(description="in result.json")
    features: Literal["h", "z", "pixels"] = Field(description="h (backbone), z (unit vectors of the head) or pixels")


class Linear(Evaluation):
    """Logistic regression."""

    epochs: int = Field(ge=1, description="of the linear classifier")


class LinearMoco(Linear):
    """MoCo's linear classifier on crops."""

    features: Literal["h", "z"] = Field(description="h (backbone) or z (unit vectors of the head)")
    lr: float = Field(gt=0, description="learning rate")


class Classifier(Evaluation):
    """The method's own classifier."""

    features: Literal["h"] = Field(description="h (backbone), which it was trained on")


class Knn(Evaluation):
    """Weighted nearest neighbours."""

    k: int = Field(ge=1, description="neighbours")
    temperature: float = Field(gt=0, description="of their weights")


class OnlineProbe(Settings):
    """The linear classifier trained beside the encoder."""

    every_n_epochs: int = Field(ge=1, description="how often it is scored")
    lr: float = Field(gt=0, description="learning rate per 256 images")


class KnnProbe(Settings):
    """The nearest neighbours during training."""

    every_n_epochs: int = Field(ge=1, description="how often they are looked up")
    k: int = Field(ge=1, description="neighbours")
    temperature: float = Field(gt=0, description="of their weights")


class Probes(Settings):
    """Measured during training, on features h."""

    online: OnlineProbe
    knn: KnnProbe
