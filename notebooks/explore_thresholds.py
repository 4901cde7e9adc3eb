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
# # Look, drag, decide: which threshold?
#
# An AUC decides nothing in a facility. Here a finished run is shown at one threshold: what it flags, what it misses, and what an
# alarm looks like. The controls need a running kernel (`make explore`, or `make lab`); the figures at the end stay when the
# notebook is only read.

# %% tags=["parameters"]
# Parameters: None means the first finished run there is.
results_dir: str = 'results'  # folder of the finished runs
dataset: str = None  # dataset of the run to begin with
target: str = None  # its target
model: str = None  # its model
seed: int = None  # its seed
rule: str = None  # a rule of cagewatch.metrics.thresholds; None: eer, or a training quantile without labels
score: str = 'both'  # both, image or flow
smoothing: int = 1  # frames averaged around each frame
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from cagewatch import explore, params, runtime

chosen = params.read_cell(globals(), explore.ExploreParameters)
cores = runtime.configure(cores=chosen.cores)

# %%
from IPython.display import display

from cagewatch import plots

plots.use_style()
explorer = explore.Explorer(chosen.results_dir, chosen.wanted(), chosen.rule, chosen.smoothing, chosen.score)
display(explorer)

# %% [markdown]
# Drag the threshold, type it, choose how many false alarms an hour you can live with, or let a rule set it. Click on the timeline
# to go to a moment, or step through the alarms. *Save threshold* writes the threshold into the run's folder, where
# `score_recording` takes it from. `explore.save_page(run_folder, "page.html")` writes a page that a colleague opens without Python.
#
# ## When this page is only read
#
# The score over time at the threshold of equal error, true bouts shaded and alarms marked above. Look for alarms outside the bouts.

# %%
explorer.draw();
