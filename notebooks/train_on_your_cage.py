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
# A folder of your own videos in, a cage's folder with a fitted detector out, which `explore_thresholds` and `score_recording` take.
# No labels are needed: without them all of it counts as normal. With them (a bout table, a BORIS export, DeepEthogram's or MIT's
# labels, beside each video) the frames of the target are left out of training.
#
# It starts with the simulated recordings that `make study` leaves: put your own folder in the first cell. The same from a shell:
#
#     cagewatch train my_videos --detector pca_frames --into my_cage

# %% tags=["parameters"]
# Parameters: None means as the layers under params/ say.
videos: str = 'data/simulated/full_database'  # folder with your videos, labels beside them if any
detector: str = 'pca_frames'  # a layer of params/model: pca_frames, density, cae, ...
into: str = 'results/cages/simulated'  # the cage's folder; None: results/cages/<the videos' folder>
target: str = None  # label that is anomalous, left out of training
held_out: list = None  # names of recordings not trained on; None: a quarter, evenly spread
minutes: float = 30.0  # time to train a network in
budget: float = None  # false alarms an hour of normal video; None: as the cage says, or 6
pattern: str = None  # how file names are made, for recordings.csv: '{cage}_{animal}_{date}_{time}'
seed: int = 0  # seeds weights and batch order
region: list = None  # part of the frame to use: [left, top, width, height] in pixels; None: all
rotate: int = 0  # clockwise rotation, degrees: 0, 90, 180 or 270
frame_rates: str = 'refuse'  # refuse recordings of different frame rates, or resample them to the lowest
frame_stride: int = None  # every n-th frame in training clips: more for a faster camera
score_stride: int = None  # a network scores every n-th frame; None: each
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
backend: str = 'tensorflow'  # Keras backend
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from cagewatch import cages, params, runtime

given = params.read_cell(globals(), cages.TrainParameters)
cores = runtime.configure(given.backend, given.cores)
plan = cages.plan_training(given)
print(plan.words)

# %% [markdown]
# ## What of the picture is used
#
# The frame as recorded with the region in orange, and below what a detector sees. The animal should fill much of it: set `region`
# to cut away what never moves, and `rotate` if the cage stands on its side.

# %%
from cagewatch import plots
from cagewatch.store import stores_of

plots.use_style()
cages.show_region(plan);

# %% [markdown]
# Drag over the picture to choose another region, copy the line below it into the parameters and run from there.

# %%
from cagewatch import explore

explore.draw_region(plan)

# %% [markdown]
# ## Fit
#
# The recordings held out are scored as well: they are normal video that the detector has not seen, so they say how many false
# alarms an hour a threshold costs.

# %%
cage = cages.train_cage(plan)
stores = stores_of(plan.held_out, plan.parameters, cores)
plots.show_history(cage.run.folder, stores);

# %% [markdown]
# ## Has it learnt anything?
#
# Judged on the recordings held out: better than the average picture, enough clips and steps, a level that holds from one recording to
# the next. Alarms are held back where it has not.

# %%
print(cage.verdict.words, *cage.verdict.warnings, sep="\n")

# %% [markdown]
# ## How many false alarms?
#
# The level that keeps to the budget on the recordings held out. Its rate is a count of few events: the interval says how much it
# promises. All that was held out counts as normal unless labelled, so orange marks are false alarms.

# %%
level = cages.decide_level(cage)
print(level.words, level.warning or "")
cages.show_held_out(cage, level);

# %% [markdown]
# ## What the detector saw and what it gave back
#
# The clip with the highest score, and a typical one. Detectors that rebuild nothing show nothing here.

# %%
fitted = cage.open_detector()
if fitted.rebuilds:
    plots.show_reconstructions(fitted, cage.run.frames, stores)

# %% [markdown]
# ## Next
#
# Give this folder to `score_recording` as `cage`, or to `explore_thresholds` as `results_dir`.

# %%
print(params.name_path(cage.folder))
