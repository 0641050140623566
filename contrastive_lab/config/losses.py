"""The settings of each loss of a query with its negatives: a model named like its function."""

from typing import Annotated, Literal

from pydantic import Field

from contrastive_lab.config.model import Settings

TauPlus = Annotated[float, Field(ge=0, lt=1, description="share of negatives taken to be of the query's own class")]


class InfoNce(Settings):
    """InfoNCE, with alpha and dclw_sigma EqCo, DCL and DCLW."""

    name: Literal["info_nce"] = Field(description="of the loss")


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
    """The debiased loss."""

    name: Literal["debiased"] = Field(description="of the loss")
    tau_plus: TauPlus


class Hard(Settings):
    """The loss with hard negatives."""

    name: Literal["hard"] = Field(description="of the loss")
    tau_plus: TauPlus
    beta: float = Field(ge=0, description="how much more near negatives count")


class DualTemperature(Settings):
    """The dual temperature."""

    name: Literal["dual_temperature"] = Field(description="of the loss")
    second_tau: float = Field(gt=0, description="temperature of the factor of the gradient")
