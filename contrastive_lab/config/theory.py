"""The settings of each program of the command `theory`: a model named like its module in contrastive_lab/analysis/."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from contrastive_lab.config.model import Settings


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number, 2 or more")
    return value


Location = Annotated[str | None, BeforeValidator(lambda path: path if path is None else str(path))]  # 123 is a folder
Count = Annotated[int, Field(ge=1)]
Several = Annotated[int, Field(ge=2)]
Positive = Annotated[float, Field(gt=0)]
Alpha = Annotated[float, Field(gt=0, allow_inf_nan=True)]
Dimensions = Annotated[int, Field(ge=3, description="dimensions of the random features")]
OwnCosine = Annotated[float, Field(description="cosine of a query and its key, from 2 shared - 1 to 1")]
SharedCosine = Annotated[float, Field(ge=0, lt=1, description="expected cosine of two random keys")]


class Bounds(Settings):
    """Of `theory=bounds`."""

    classes: list[Several] = Field(
        min_length=1, examples=[[10, 100]], description="C of the features that show the class alone; a run has its own"
    )
    draws: Several | Annotated[list[Several], Field(min_length=1)] | None = Field(
        examples=[[64, 256]],
        description="K + 1, one or a list; null: a grid from 2 to 16 C, a run's own K + 1, N for SimCLR with all keys",
    )
    tau: Positive | None = Field(description="temperature; null: 0.5, a run's own")
    run: Location = Field(description="folder of a run to measure instead")
    sweep: Location = Field(description="folder in which all runs are measured instead, at any depth")
    views: Annotated[int, AfterValidator(_even)] = Field(ge=2, description="augmented views of each image in the means")
    passes: int = Field(ge=1, description="times the test images are dealt into batches of K + 1, with new views")
    seed: int = Field(description="of views and batches")
    data_dir: Location = Field(description="where the data set of the runs is; null: where it was")


class Competition(Settings):
    """Of `theory=competition`."""

    K: list[Count] = Field(min_length=1, examples=[[1, 16]], description="numbers of negatives")
    alphas: list[Alpha | None] = Field(
        min_length=1, examples=[[256.0]], description="weights of the negatives, a line each; null for K, inf for DCL"
    )
    taus: list[Annotated[float, Field(ge=0.01)]] = Field(min_length=1, examples=[[0.1]], description="temperatures")
    run: Location = Field(description="folder of a run to measure instead of random features")
    data_dir: Location = Field(description="where the data set of the run is; null: where it was")
    D: Dimensions
    positive: OwnCosine
    shared: SharedCosine
    queries: int = Field(ge=1, description="random queries; at most 128 are looked at")
    keys: int = Field(ge=2, description="random keys; at most 1,024 are looked at")
    seed: int = Field(description="of the random features, of the views of a run")


class Cost(Settings):
    """Of `theory=cost`."""

    sweeps: list[str] = Field(examples=[["outputs/sweeps/a"]], description="folders of sweeps to fit to")
    tests: list[str] = Field(examples=[["outputs/sweeps/b"]], description="folders of sweeps to predict without a fit")
    table: Location = Field(description="table.csv of an earlier theory=cost in place of sweeps")
    collisions: Location = Field(description="sweep with own_class_share null and 0, to show what they cost")
    collisions_of: str | None = Field(description="arm whose loss that of the sweep of theory.collisions is")
    metric: str = Field(description="accuracy that a cost is in, such as knn_top1")
    data_dir: Location = Field(description="where the data set of the runs is; null: where it was")
    seed: int = Field(description="of the views")


class Coupon(Settings):
    """Of `theory=coupon`."""

    K: int = Field(ge=0, description="negatives of the columns coverage, missing, tau and log_collisions")
    classes: int = Field(ge=2, le=400, description="C of the figure's right panel; beyond 400 float64 ends")
    counts_csv: Location = Field(description="csv file, its last column the number of images of a class")
    image_folder: Location = Field(description="folder with one folder of images per class, also in its train/")


class GaussianMi(Settings):
    """Of `theory=gaussian_mi`; all settings of one K are trained at once."""

    mi: list[Positive] = Field(
        min_length=1, examples=[[2.0, 4.0]], description="true mutual information in nats, below 2 d"
    )
    K: list[Count] = Field(min_length=1, examples=[[64, 128]], description="negatives of a pair; InfoNCE has alpha = K")
    alpha: float = Field(gt=0, description="EqCo's alpha, for all K; where K = alpha one critic serves both objectives")
    above: list[float] = Field(
        examples=[[4096.0]], description="larger alphas, at the smallest K: no lower bounds there; [] for none"
    )
    d: int = Field(ge=1, description="dimensions of x and of y")
    hidden: int = Field(ge=1, description="units of the critics' hidden layer")
    width: int = Field(ge=1, description="dimensions of the critics' inner product; not in the paper")
    steps: int = Field(ge=1, description="of Adam, K + 1 fresh pairs each; 5000 in the paper, the same to 0.1 nats")
    lr: float = Field(gt=0, description="learning rate of Adam")
    batches: int = Field(ge=2, description="fresh batches that the estimates are averaged over; 1000 in the paper")
    seed: int = Field(description="of weights and pairs")


class GradientNorm(Settings):
    """Of `theory=gradient_norm`."""

    K: list[Count] = Field(min_length=1, examples=[[4, 64]], description="numbers of negatives")
    alphas: list[Alpha] = Field(examples=[[256.0]], description="EqCo's alphas, a line each; inf for DCL")
    tau: float = Field(ge=0.01, description="temperature")
    D: Dimensions
    positive: OwnCosine
    shared: SharedCosine
    queries: int = Field(ge=1, description="queries that share the negatives of a draw")
    draws: int = Field(ge=2, description="draws of the negatives; a draw's first K serve each K")
    seed: int = Field(description="of the features")


class SpikedCovariance(Settings):
    """Of `theory=spiked_covariance`."""

    part: Literal["n", "control", "d", "r", "downstream", "all"] = Field(
        description="what varies; control: n with equal noise everywhere, where PCA wins"
    )
    noise: Literal["homo", "linear", "two"] = Field(
        description="two: std 2 on a quarter of the coordinates, 0.3 elsewhere; linear: from 1 to 0.1; homo: 1"
    )
    n: Several | None = Field(description="samples; null: 20000, and 5000 downstream")
    d: Several | None = Field(description="coordinates; null: 40, and 160 in part r")
    r: int = Field(ge=1, description="dimensions of the signal")
    nu: float = Field(gt=0, description="standard deviation of the signal")
    n_values: list[Several] = Field(examples=[[200, 1000]], description="samples in parts n and control")
    d_values: list[Several] = Field(
        examples=[[20, 40]], description="coordinates in part d, with n and with 50 d samples"
    )
    r_values: list[Count] = Field(examples=[[2, 5]], description="dimensions of the signal in part r")
    features: list[Count] = Field(
        examples=[[1, 2]], description="dimensions of the features downstream, each at most r"
    )
    labels: int = Field(ge=1, description="samples that the downstream readout is fitted on")
    mix: float = Field(ge=0, description="weight of the labels in CL+SupCL")
    steps: int = Field(ge=0, description="of gradient descent, which checks the closed forms in the summary; 0: none")
    seeds: int = Field(ge=1, description="models a point is averaged over")
