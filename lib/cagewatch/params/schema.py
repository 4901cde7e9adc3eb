"""The schema: every parameter of a run, its type and bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1, lt=1 << 31)]
NaturalInt = Annotated[int, Field(ge=0, lt=1 << 31)]
PositiveFloat = Annotated[float, Field(gt=0)]
Side = Annotated[int, Field(ge=1, le=4096)]  # pixels
Count = Annotated[int, Field(ge=1, le=100_000)]
Region = Annotated[list[NaturalInt], Field(min_length=4, max_length=4)]
# Recordings whose names are numbers arrive as numbers, and a single one without its brackets.
Names = Annotated[
    list[str], BeforeValidator(lambda given: given if isinstance(given, list) else [given])
]
Scale = Literal["smoke", "quick", "medium", "paper"]


class Parameters(BaseModel):
    """Everything one run depends on; every open point of the paper is a field here."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True
    )

    # What is run
    dataset: str = Field(description="a layer of params/dataset: simulated, mit, ped2, folder, ...")
    data_dir: str = Field(description="folder the recordings lie in")
    target: str = Field(description="behaviour held out as pseudo-anomaly; anomaly on benchmarks")
    model: str = Field(description="a layer of params/model: rae, cae, hasan, density, ...")
    seed: NaturalInt = Field(description="seeds split, weights and batch order")
    scale: Scale = Field(description="smoke, quick, medium or paper")
    results_dir: str = Field(description="folder for runs and stores")
    backend: Literal["tensorflow", "jax", "torch"] = Field(description="Keras backend")
    cores: NaturalInt = Field(description="processor cores to use; 0: all this process may use")

    # Recordings
    layout: Literal[
        "simulated", "mit", "mit_sample", "ped1", "ped2", "avenue", "avenue_vol", "folder"
    ] = Field(description="how the recordings lie on disk, so which reader reads them")
    train_recordings: Names | None = Field(
        description="recordings to train and validate on; None: as the dataset splits them"
    )
    test_recordings: Names | None = Field(description="recordings to test on; None: likewise")
    train_start: Fraction = Field(description="where the part trained on starts, 0 to 1")
    train_stop: Fraction = Field(description="where the part trained on stops, 0 to 1")
    test_start: Fraction = Field(description="where the tested part of a recording starts, 0 to 1")
    test_stop: Fraction = Field(description="where the tested part of a recording stops, 0 to 1")
    annotator_group: PositiveInt = Field(description="which MIT annotator group's labels to read")
    label_tolerance: NaturalInt = Field(
        description="frames by which labels and decoded video may differ in length"
    )
    labels_end: Literal["strict", "cut"] = Field(
        description="labels that run on past the video's end: an error, or cut with a notice"
    )
    edge_margin: NaturalInt = Field(
        description="frames on each side of an edge of the target's bouts that metrics leave out"
    )

    image_fps: PositiveFloat = Field(
        description="frames per second of recordings that carry no time, such as image folders"
    )

    animals: Literal["one", "many"] = Field(
        None, description="what moves in the picture: one animal, or many things"
    )

    # The simulated cage
    simulate_recordings: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        description="simulated recordings"
    )
    simulate_frames: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        description="frames per simulated recording"
    )
    simulate_seed: NaturalInt = Field(description="seed of the simulated data set")
    simulate_rare: PositiveFloat | None = Field(
        description="how much oftener rare behaviours start than in the real ethogram; 1: as real"
    )

    # Preprocessing (decides the store)
    region: Region | None = Field(
        description="part of the source frame to use: [left, top, width, height]; None: all"
    )
    rotate: Literal[0, 90, 180, 270] = Field(
        description="clockwise rotation of the source, degrees"
    )
    resize_height: Side = Field(description="rows after resizing")
    resize_width: Side = Field(description="columns after resizing")
    crop_top: Annotated[int, Field(ge=0, le=4096)] = Field(
        description="rows dropped at the top after resizing"
    )
    crop_bottom: Annotated[int, Field(ge=0, le=4096)] = Field(
        description="rows dropped at the bottom after resizing"
    )
    gamma: PositiveFloat = Field(description="exponent of gray on [0, 1]; below 1 brightens")
    farneback_pyr_scale: PositiveFloat = Field(description="Farneback pyramid scale")
    farneback_levels: Annotated[int, Field(ge=1, le=16)] = Field(
        description="Farneback pyramid levels"
    )
    farneback_winsize: Annotated[int, Field(ge=1, le=1024)] = Field(
        description="Farneback window, pixels"
    )
    farneback_iterations: Annotated[int, Field(ge=1, le=1024)] = Field(
        description="Farneback iterations per level"
    )
    farneback_poly_n: Literal[5, 7] = Field(description="Farneback polynomial neighbourhood")
    farneback_poly_sigma: PositiveFloat = Field(description="Farneback polynomial smoothing")
    flow_resolution: Literal["input", "half"] = Field(
        default="input",  # as runs were made before it came, so that they can be read
        description="flow of the resized picture, or at half the source's resolution, then resized",
    )
    flow_spacing: Literal["source", "subsampled"] = Field(
        description="flow between successive source frames, or after the 1-in-n subsampling"
    )

    # Clips
    clip_length: Annotated[int, Field(ge=1, le=1024)] = Field(description="frames in a clip")
    frame_stride: Count = Field(description="every n-th frame in training clips")
    clip_step: Count = Field(
        None, description="(subsampled) frames from one training clip's start to the next"
    )
    test_clip_step: Count = Field(None, description="frames from one test clip's start to the next")
    clips_across_gaps: Literal["never", "literal"] = Field(
        None, description="never span removed frames, or the paper's literal remove-then-reshape"
    )
    flips: bool = Field(None, description="add horizontally flipped training clips at random")
    validation_fraction: Fraction = Field(None, description="share of training clips held out")
    validation_split: Literal["random", "last"] = Field(
        None, description="which clips are held out"
    )
    max_train_clips: PositiveInt | None = Field(
        None, description="at most this many training clips, evenly spread; None: all"
    )
    flow_representation: Literal["magnitude", "xy", "hsv"] = Field(
        None, description="flow channels"
    )
    flow_scaling: Literal["constant", "per_frame"] = Field(
        None, description="one constant from the training frames, or each frame's own maximum"
    )
    flow_percentile: Annotated[float, Field(gt=0, le=100)] = Field(
        None, description="percentile of training flow that maps to 1"
    )

    # Linear detectors
    components: Annotated[int, Field(ge=1, le=1024)] = Field(
        None, description="principal components that a frame or clip is rebuilt from"
    )
    picture: Literal["plain", "less_background", "same_exposure"] = Field(
        None,
        description="frames as they are, less each recording's own background, or of equal mean",
    )

    # Several detectors in one
    members: Names = Field(None, description="detectors that are combined into one")
    member_weights: list[Annotated[float, Field(gt=0)]] = Field(
        None, description="what each member counts for, in the same order"
    )
    members_may_fail: bool = Field(
        None, description="go without a member that cannot be fitted, with a notice"
    )

    # Networks and training (Table 1 of the paper)
    image_loss_weight: Annotated[float, Field(ge=0)] = Field(None, description="loss weight, image")
    flow_loss_weight: Annotated[float, Field(ge=0)] = Field(None, description="loss weight, flow")
    dilation_rate: Annotated[int, Field(ge=1, le=64)] = Field(
        None,
        description="dilation: of every 3-D convolution (RAE), of the encoder's last two (CAE)",
    )
    width: Annotated[float, Field(gt=0, le=4)] = Field(
        None, description="filters of every 3-D convolution, times those of Figure 2"
    )
    fusion: Literal["bottleneck", "late"] = Field(
        None, description="two streams meet at the bottleneck, or only their scores do"
    )
    optimiser: Literal["adam", "sgd", "adagrad"] = Field(None, description="adam, sgd or adagrad")
    learning_rate: PositiveFloat = Field(None, description="learning rate")
    beta_1: Fraction = Field(None, description="Adam's beta_1, the paper's 'momentum 0.5'")
    epochs: Count = Field(None, description="training epochs")
    max_epochs: Count | None = Field(None, description="cap on epochs; None: no cap")
    curve_epochs: list[PositiveInt] | None = Field(
        None, description="epochs after which the test is scored, for a learning curve; None: none"
    )
    batch_size: Count = Field(None, description="clips per training step")
    weights: Literal["last", "best"] = Field(
        None, description="keep the last or best-validation weights"
    )
    precision: Literal["float32", "mixed_bfloat16", "auto"] = Field(
        None, description="arithmetic; auto decides by a short timing"
    )
    supervised_loss: Literal["binary", "softmax"] = Field(
        None, description="supervised head: target or not, or one class per behaviour"
    )

    # Scores and metrics
    clip_score: Literal["norm", "frame_mse_norm"] = Field(
        None, description="per stream: norm(x - x_hat), or the l2 norm of per-frame MSEs"
    )
    stream_average: Literal["raw", "standardised"] = Field(
        None, description="mean of raw stream scores, or standardised on training scores first"
    )
    score_stride: Count = Field(
        default=1,  # likewise
        description="every n-th frame of a recording is scored, those between by interpolation",
    )
    clip_alignment: Literal["mean", "centre", "end"] = Field(
        None, description="frame score from sliding clips: mean over windows, centre or end frame"
    )
    score_scaling: Literal["none", "per_video"] = Field(
        description="scaling before pooling of the headline AUC; both are always printed"
    )
    clip_label: Literal["half", "any"] = Field(
        description="a clip is anomalous if half of its frames are, or any"
    )
    roc_unit: Literal["frame", "clip"] = Field(description="unit of the headline ROC")
    interval: Annotated[float, Field(gt=0, lt=1)] = Field(description="coverage of intervals")


# What later parameters were in runs that were made before they came.
BEFORE = {
    name: field.default
    for name, field in Parameters.model_fields.items()
    if not field.is_required() and field.default is not None
}
