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
# # One experiment: fit, score, judge
#
# One dataset, one target behaviour, one detector, one seed. The target's frames are removed from the training recordings, the
# detector learns what is ordinary in the rest, and whatever is unlike it in the test recordings scores high. If the target scores
# higher than everything else, the area under the ROC curve (AUC) is near 1; a coin would give 0.5.
#
# After `make study`, run it here or from a shell:
#
#     cagewatch run experiment -p target hang -p model cae -p scale quick

# %% tags=["parameters"]
# Parameters: None means as the layers under params/ say, or that it does not apply.
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
train_start: float = 0.0  # where the part trained on starts, 0 to 1
train_stop: float = None  # where the part trained on stops, 0 to 1
test_start: float = 0.0  # where the tested part of a recording starts, 0 to 1
test_stop: float = None  # where the tested part of a recording stops, 0 to 1
annotator_group: int = 1  # which MIT annotator group's labels to read
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
labels_end: str = None  # labels that run on past the video's end: an error, or cut with a notice
edge_margin: int = None  # frames on each side of an edge of the target's bouts that metrics leave out
image_fps: float = None  # frames per second of recordings that carry no time, such as image folders
animals: str = None  # what moves in the picture: one animal, or many things
simulate_recordings: int = None  # simulated recordings
simulate_frames: int = None  # frames per simulated recording
simulate_seed: int = 0  # seed of the simulated data set
simulate_rare: float = None  # how much oftener rare behaviours start than in the real ethogram; 1: as real
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
flow_resolution: str = 'input'  # flow of the resized picture, or at half the source's resolution, then resized
flow_spacing: str = 'source'  # flow between successive source frames, or after the 1-in-n subsampling
clip_length: int = 8  # frames in a clip
frame_stride: int = None  # every n-th frame in training clips
clip_step: int = None  # (subsampled) frames from one training clip's start to the next
test_clip_step: int = None  # frames from one test clip's start to the next
clips_across_gaps: str = None  # never span removed frames, or the paper's literal remove-then-reshape
flips: bool = None  # add horizontally flipped training clips at random
validation_fraction: float = None  # share of training clips held out
validation_split: str = None  # which clips are held out
max_train_clips: int = None  # at most this many training clips, evenly spread; None: all
flow_representation: str = None  # flow channels
flow_scaling: str = None  # one constant from the training frames, or each frame's own maximum
flow_percentile: float = None  # percentile of training flow that maps to 1
components: int = None  # principal components that a frame or clip is rebuilt from
picture: str = None  # frames as they are, less each recording's own background, or of equal mean
members: list = None  # detectors that are combined into one
member_weights: list = None  # what each member counts for, in the same order
members_may_fail: bool = None  # go without a member that cannot be fitted, with a notice
image_loss_weight: float = None  # loss weight, image
flow_loss_weight: float = None  # loss weight, flow
dilation_rate: int = None  # dilation: of every 3-D convolution (RAE), of the encoder's last two (CAE)
width: float = None  # filters of every 3-D convolution, times those of Figure 2
fusion: str = None  # two streams meet at the bottleneck, or only their scores do
optimiser: str = None  # adam, sgd or adagrad
learning_rate: float = None  # learning rate
beta_1: float = None  # Adam's beta_1, the paper's 'momentum 0.5'
epochs: int = None  # training epochs
max_epochs: int = None  # cap on epochs; None: no cap
curve_epochs: list = None  # epochs after which the test is scored, for a learning curve; None: none
batch_size: int = None  # clips per training step
weights: str = None  # keep the last or best-validation weights
precision: str = None  # arithmetic; auto decides by a short timing
supervised_loss: str = None  # supervised head: target or not, or one class per behaviour
clip_score: str = None  # per stream: norm(x - x_hat), or the l2 norm of per-frame MSEs
stream_average: str = None  # mean of raw stream scores, or standardised on training scores first
score_stride: int = None  # every n-th frame of a recording is scored, those between by interpolation
clip_alignment: str = None  # frame score from sliding clips: mean over windows, centre or end frame
score_scaling: str = 'none'  # scaling before pooling of the headline AUC; both are always printed
clip_label: str = 'half'  # a clip is anomalous if half of its frames are, or any
roc_unit: str = 'frame'  # unit of the headline ROC
interval: float = 0.95  # coverage of intervals

# %%
from cagewatch import params, runtime

parameters = params.from_notebook(globals())
cores = runtime.configure(parameters.backend, parameters.cores)

# %%
from cagewatch import detectors, metrics, plots, runs
from cagewatch.recordings import load_recordings
from cagewatch.scoring import score_recordings, watch_training
from cagewatch.store import stores_of

plots.use_style()
print(f"{parameters.model} on {parameters.dataset}, target {parameters.target}, {cores} cores")

# %% [markdown]
# ## Recordings
#
# Each recording is decoded once into a store of gray and flow; a store made earlier with the same settings is used again.

# %%
recordings = load_recordings(parameters)
stores = stores_of(recordings, parameters, cores)
train_recordings = [recording for recording in recordings if recording.split == "train"]
test_recordings = [recording for recording in recordings if recording.split == "test"]
print(f"{len(train_recordings)} recordings to train on, {len(test_recordings)} to test on")

# %% [markdown]
# ## Fit
#
# A network minimises the mean squared error of each stream, weighted and added up. Look for a validation loss that follows the
# training loss down; one that turns up again means the network has begun to learn the training clips by heart. Other detectors
# are fitted in one go.

# %%
run = runs.start_run(parameters)
training = detectors.TrainingSet(train_recordings, stores, parameters, run.aside)
training = watch_training(training, test_recordings, stores)
detector = detectors.fit_detector(training, detectors.Computing(cores=cores))
plots.show_history(run.aside, stores);

# %% [markdown]
# ## Scores
#
# A clip's score is the size of its reconstruction error in each stream, averaged over the streams; a frame's score comes from
# the clips that hold it. Detectors that look at frames score each of them.

# %%
frames = score_recordings(detector, test_recordings, stores)
frames.groupby("recording")["score"].describe()

# %% [markdown]
# ## How well does the score separate the target?
#
# The band is an interval over whole recordings or bouts, since neighbouring frames are alike. The protocol says how scores were
# smoothed, scaled and pooled: the same scores give other AUCs under another protocol.

# %%
results = metrics.compute_metrics(frames, parameters)
plots.show_result(frames, results, parameters);

# %% [markdown]
# The score over time. True bouts of the target are shaded; a useful score rises inside them and stays low elsewhere.

# %%
plots.show_timeline(frames, results, parameters);

# %% [markdown]
# ## What the detector saw and what it gave back
#
# The stretch with the highest score, and a typical one: input, reconstruction and error. Errors that trace the animal's outline
# are the cost of a small network; errors in one place that the typical clip lacks are what the score is made of. Detectors that
# rebuild nothing show nothing here.

# %%
if detector.rebuilds:
    plots.show_reconstructions(detector, frames, stores)

# %% [markdown]
# ## The run's folder
#
# Everything downstream reads these files; a run made on another machine can be copied in.

# %%
runs.finish_run(run, detector, frames, results, runtime.describe(), stores, recordings)
sorted(path.name for path in run.folder.iterdir())
