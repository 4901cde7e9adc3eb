# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One experiment: train, score, judge
#
# One dataset, one target behaviour, one model, one seed. The target's frames are removed from the training recordings, the
# model learns to reconstruct what is left, and whatever it reconstructs badly in the test recording scores high. If the target
# scores higher than everything else, the area under the ROC curve (AUC) is near 1; a coin would give 0.5.
#
# Run it by hand, or from a shell:
#
#     papermill notebooks/experiment.ipynb out.ipynb -k python3 -p target hang -p model cae -p scale quick

# %% tags=["parameters"]
# Parameters: None means as the layers under params/ say.
dataset: str = 'simulated'  # a layer of params/dataset: simulated, mit, ped2, folder, ...
data_dir: str = None  # folder the recordings lie in
target: str = None  # behaviour held out as pseudo-anomaly; anomaly on benchmarks
model: str = 'cae'  # a layer of params/model: rae, cae, hasan, density, ...
seed: int = 0  # seeds split, weights and batch order
scale: str = 'quick'  # smoke, quick, medium or paper
results_dir: str = 'results'  # folder for runs and stores
backend: str = 'tensorflow'  # Keras backend
cores: int = 0  # processor cores to use; 0: all this process may use
layout: str = None  # how the recordings lie on disk, so which reader reads them
train_recordings: list = None  # recordings to train and validate on; None: as the dataset splits them
test_recordings: list = None  # recordings to test on; None: likewise
test_start: float = 0.0  # where the tested part of a recording starts, 0 to 1
test_stop: float = None  # where the tested part of a recording stops, 0 to 1
annotator_group: int = 1  # which MIT annotator group's labels to read
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
image_fps: float = None  # frames per second of recordings that carry no time, such as image folders
animals: str = None  # what moves in the picture: one animal, or many things
simulate_recordings: int = 12  # simulated recordings
simulate_frames: int = 6000  # frames per simulated recording
simulate_seed: int = 0  # seed of the simulated data set
simulate_rare: float = 20.0  # how much oftener rare behaviours start than in the real ethogram; 1: as real
region: list = None  # part of the source frame to use: [left, top, width, height]; None: all
rotate: int = 0  # clockwise rotation of the source, degrees
resize_height: int = None  # rows after resizing
resize_width: int = None  # columns after resizing
crop_top: int = None  # rows dropped at the top after resizing
crop_bottom: int = None  # rows dropped at the bottom after resizing
gamma: float = None  # exponent of gray on [0, 1]; below 1 brightens
farneback_pyr_scale: float = 0.5  # Farneback pyramid scale
farneback_levels: int = 3  # Farneback pyramid levels
farneback_winsize: int = 15  # Farneback window, pixels
farneback_iterations: int = 3  # Farneback iterations per level
farneback_poly_n: int = 5  # Farneback polynomial neighbourhood
farneback_poly_sigma: float = 1.2  # Farneback polynomial smoothing
flow_spacing: str = 'source'  # flow between successive source frames, or after the 1-in-n subsampling
clip_length: int = 8  # frames in a clip
frame_stride: int = None  # every n-th frame in training clips
clip_step: int = None  # (subsampled) frames from one training clip's start to the next
test_clip_step: int = None  # frames from one test clip's start to the next
clips_across_gaps: str = 'never'  # never span removed frames, or the paper's literal remove-then-reshape
flips: bool = True  # add horizontally flipped training clips at random
validation_fraction: float = 0.2  # share of training clips held out
validation_split: str = 'random'  # which clips are held out
max_train_clips: int = None  # at most this many training clips, evenly spread; None: all
flow_representation: str = 'magnitude'  # flow channels
flow_scaling: str = 'constant'  # one constant from the training frames, or each frame's own maximum
flow_percentile: float = 99.9  # percentile of training flow that maps to 1
image_loss_weight: float = None  # loss weight, image
flow_loss_weight: float = None  # loss weight, flow
dilation_rate: int = None  # dilation: of every 3-D convolution (RAE), of the encoder's last two (CAE)
fusion: str = 'bottleneck'  # two streams meet at the bottleneck, or only their scores do
optimiser: str = None  # adam or sgd
learning_rate: float = None  # learning rate
beta_1: float = 0.5  # Adam's beta_1, the paper's 'momentum 0.5'
epochs: int = None  # training epochs
max_epochs: int = None  # cap on epochs; None: no cap
batch_size: int = None  # clips per training step
weights: str = 'last'  # keep the last or best-validation weights
precision: str = 'float32'  # arithmetic; auto decides by a short timing
supervised_loss: str = 'binary'  # supervised head: target or not, or one class per behaviour
clip_score: str = 'norm'  # per stream: norm(x - x_hat), or the l2 norm of per-frame MSEs
stream_average: str = 'raw'  # mean of raw stream scores, or standardised on training scores first
clip_alignment: str = 'mean'  # frame score from sliding clips: mean over windows, centre or end frame
score_scaling: str = 'none'  # scaling before pooling of the headline AUC; both are always printed
clip_label: str = 'half'  # a clip is anomalous if half of its frames are, or any
roc_unit: str = 'frame'  # unit of the headline ROC
bootstrap_samples: int = None  # resamples behind every interval
interval: float = 0.95  # coverage of intervals

# %%
from cagewatch import params, runtime

parameters = params.from_notebook(globals())
cores = runtime.configure(parameters.backend, parameters.cores)
runtime.load_backend()

# %%
import time

from cagewatch import clips, metrics, plots
from cagewatch.clips.batches import ClipBatches
from cagewatch.detectors import networks as models
from cagewatch.detectors.training import train as training
from cagewatch.recordings import load_recordings
from cagewatch.runs import write as runs
from cagewatch.scoring import frames as scoring
from cagewatch.store import stores_of
from cagewatch.store.preprocess import flow_channels

started = time.time()
plots.use_style()
folder = runs.start_run(parameters)
print(f"{parameters.model} on {parameters.dataset}, target {parameters.target}, {cores} cores")

# %% [markdown]
# ## Recordings and clips
#
# Each recording is decoded once into a store of gray and flow; a store made earlier with the same settings is used again.

# %%
recordings = load_recordings(parameters)
stores = stores_of(recordings, parameters, cores)
train_recordings = [recording for recording in recordings if recording.split == "train"]
test_recordings = [recording for recording in recordings if recording.split == "test"]

index = clips.index_training_clips(train_recordings, stores, parameters)
train_clips, validation_clips = clips.split_clips(index, parameters)
test_clips = clips.index_test_clips(test_recordings, stores, parameters)
print(f"clips: {len(train_clips)} train, {len(validation_clips)} validation, {len(test_clips)} test")

# %%
flow_scale = clips.measure_flow_scale(train_clips, stores, parameters)
settings = dict(
    stores=stores,
    parameters=parameters,
    flow_scale=flow_scale,
    streams=models.streams(parameters.model),
    supervised=parameters.model == "supervised",
)
train_batches = ClipBatches(train_clips, shuffle=True, **settings)
validation_batches = ClipBatches(validation_clips, **settings)
test_batches = ClipBatches(test_clips, **settings)
print(f"a speed of {flow_scale:.2f} pixels per frame and above is shown as 1")

# %% [markdown]
# ## Training
#
# The loss is the mean squared error of each stream, weighted and added up. Look for a validation loss that follows the training
# loss down; one that turns up again means the model has begun to learn the training clips by heart.

# %%
model = models.build_model(parameters, flow_channels(parameters.flow_representation))
history = training.train(model, parameters, train_batches, validation_batches, folder)
runs.save_model(model, folder)
plots.mark_simulated(plots.plot_history(history).figure, stores)

# %% [markdown]
# ## Scores
#
# A clip's score is the size of its reconstruction error in each stream, averaged over the streams; a frame's score comes from
# the clips that hold it.

# %%
reference = scoring.score_reference(model, train_batches, parameters)
scores = scoring.score_streams(model, test_batches, parameters)
frame_scores = scoring.score_test_frames(scores, reference, test_clips, stores, parameters)
frames = scoring.tabulate_frames(test_recordings, stores, frame_scores, parameters)
runs.save_scores(frames, folder)
frames.groupby("recording")["score"].describe()

# %% [markdown]
# ## How well does the score separate the target?
#
# The band is a bootstrap interval over whole bouts or recordings, since neighbouring frames are alike. The protocol says how
# scores were smoothed, scaled and pooled: the same scores give other AUCs under another protocol.

# %%
clip_scores = scoring.tabulate_clips(scores, reference, test_clips, parameters)
results = metrics.compute_metrics(frames, parameters, clip_scores)
results["reference_scores"] = runs.describe_reference(
    reference, scoring.average_streams(reference, reference, parameters.stream_average)
)
results["flow_scale"] = flow_scale
plots.show_result(frames, results, parameters);

# %% [markdown]
# The score over time. True bouts of the target are shaded; a useful score rises inside them and stays low elsewhere.

# %%
plots.show_timeline(frames, results, parameters);

# %% [markdown]
# ## What the model saw and what it gave back
#
# The test clip with the highest score, and a typical one: input, reconstruction and error. Errors that trace the animal's outline
# are the cost of a small network; errors in one place that the typical clip lacks are what the score is made of.

# %%
if not test_batches.supervised:
    plots.show_reconstructions(model, test_batches, scores, parameters)

# %% [markdown]
# ## The run's folder
#
# Everything downstream reads these files; a run made on another machine can be copied in.

# %%
runs.finish_run(folder, results, runtime.describe(), stores, started)
sorted(path.name for path in folder.iterdir())
