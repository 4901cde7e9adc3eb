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
display(explorer.box)

# %% [markdown]
# *Save threshold* writes it with its consequences into the run's folder, where `score_recording` takes it from.
#
# ## At the rule's threshold
#
# Left to right: the ROC and the precision-recall curve with the threshold's point on them, the scores of normal and anomalous
# frames, and below the score over time with true bouts shaded. False alarms per hour of normal video and the share of bouts
# caught belong together: one alarm that never ends catches every bout.

# %%
explorer.draw();
