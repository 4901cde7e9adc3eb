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
# # Train on your own cage
#
# A folder of your own videos in, a trained run out, which `explore_thresholds` and `score_recording` take. No labels are needed:
# without them all of it counts as normal. With them (a bout table, a BORIS export, DeepEthogram's or MIT's labels, beside each video)
# the frames of the target are left out of training.

# %% tags=["parameters"]
# Parameters: None means as the layers under params/ say.
data_dir: str = 'data/folder'  # folder with your videos, labels beside them if any
dataset: str = 'folder'  # a layer of params/dataset; names the run's folder
target: str = None  # label that is anomalous, left out of training
model: str = 'cae'  # rae, cae, cae_image or cae_flow
seed: int = 0  # seeds split, weights and batch order
scale: str = 'quick'  # smoke, quick, medium or paper
train_recordings: list = None  # names of recordings to train on; None: all but those to test on
test_recordings: list = None  # names of recordings to score; None: those not trained on
region: list = None  # part of the frame to use: [left, top, width, height] in pixels; None: all
rotate: int = 0  # clockwise rotation, degrees: 0, 90, 180 or 270
frame_rates: str = 'refuse'  # refuse recordings of different frame rates, or resample them to the lowest
frame_stride: int = None  # every n-th frame in training clips: more for a faster camera
max_epochs: int = None  # cap on epochs; None: as the scale says
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
results_dir: str = 'results'  # folder for runs and stores
backend: str = 'tensorflow'  # Keras backend
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from cagewatch import own_cage, params, runtime

cage = params.read_cell(globals(), own_cage.CageParameters)
parameters = own_cage.resolve_cage(cage)
cores = runtime.configure(parameters.backend, parameters.cores)
runtime.load_backend()

# %%
import time

from cagewatch import clips, metrics, models, plots, runs, scoring, training
from cagewatch.clips.batches import ClipBatches
from cagewatch.store import stores_of
from cagewatch.store.preprocess import flow_channels

started = time.time()
plots.use_style()
folder = runs.start_run(parameters)
train, test, words = own_cage.load_own_recordings(parameters, cage.frame_rates)
print(words)

# %% [markdown]
# ## What of the picture is used
#
# The frame as recorded with the region in orange, and below what a model sees. The animal should fill much of it: set `region` to
# cut away what never moves, and `rotate` if the cage stands on its side.

# %%
own_cage.show_region([*train, *test], parameters);

# %%
stores = stores_of([*train, *test], parameters, cores)
index = clips.index_training_clips(train, stores, parameters)
train_clips, validation_clips = clips.split_clips(index, parameters)
test_clips = clips.index_test_clips(test, stores, parameters)
flow_scale = clips.measure_flow_scale(train_clips, stores, parameters)
settings = dict(stores=stores, parameters=parameters, flow_scale=flow_scale, streams=models.streams(parameters.model))
train_batches = ClipBatches(train_clips, shuffle=True, **settings)
validation_batches, test_batches = (ClipBatches(part, **settings) for part in (validation_clips, test_clips))
print(own_cage.describe_clips(index, stores, parameters.frame_stride))

# %% [markdown]
# ## Training
#
# Look for a validation loss that follows the training loss down. If it stays far above, there is too little video: record more.

# %%
model = models.build_model(parameters, flow_channels(parameters.flow_representation))
history = training.train(model, parameters, train_batches, validation_batches, folder)
runs.save_model(model, folder)
plots.mark_simulated(plots.plot_history(history).figure, stores)

# %% [markdown]
# ## Scores
#
# Of the recordings set aside, or of the training recordings where none was. Thresholds for unlabelled recordings come from the
# quantiles of the training scores, which are kept in the run's folder.

# %%
reference = scoring.score_reference(model, train_batches, parameters)
scores = scoring.score_streams(model, test_batches, parameters)
frame_scores = scoring.score_test_frames(scores, reference, test_clips, stores, parameters)
frames = scoring.tabulate_frames(test, stores, frame_scores, parameters)
runs.save_scores(frames, folder)
results = metrics.compute_metrics(frames, parameters)
average = scoring.average_streams(reference, reference, parameters.stream_average)
results["reference_scores"] = runs.describe_reference(reference, average)
results["flow_scale"] = flow_scale
runs.finish_run(folder, results, runtime.describe(), stores, started)

# %% [markdown]
# ## The score over time
#
# At the 0.99 quantile of the training scores (or at the equal error rate, with labels). Orange marks are alarms.

# %%
from cagewatch import explore
from cagewatch.runs.read import read_run

scored = explore.select_scores(read_run(folder))
threshold = explore.apply_rule(scored, explore.default_rule(scored))
explore.plot_explorer(scored, threshold, f"{parameters.model} on your cage");

# %% [markdown]
# ## What the model saw and what it gave back
#
# The clip with the highest score, and a typical one.

# %%
plots.show_reconstructions(model, test_batches, scores, parameters);

# %% [markdown]
# ## Next
#
# Give this folder to `score_recording` as `run`, or open `explore_thresholds` on it.

# %%
print(params.name_path(folder))
