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
# alarm looks like. The figures above the controls stay when the notebook is only read; the controls need a running kernel
# (`make explore`, or `make lab`).

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
from cagewatch.runs.read import find_run, list_runs, read_run

plots.use_style()
run = read_run(find_run(list_runs(chosen.results_dir), **chosen.wanted()))
scored = explore.select_scores(run, chosen.score, chosen.smoothing)
threshold = explore.apply_rule(scored, chosen.rule or explore.default_rule(scored))
consequences = explore.weigh_threshold(scored, threshold)
print(f"{chosen.rule or explore.default_rule(scored)} puts the threshold at {threshold:.5g}")

# %% [markdown]
# ## At the rule's threshold
#
# Left to right: the ROC and the precision-recall curve with the threshold's point on them, the scores of normal and anomalous
# frames, and below the score over time with true bouts shaded. Alarms are the strip above it: blue where they share a frame with
# a true bout, orange and half as high where they are false.

# %%
title = f"{plots.name_model(run.parameters.model)} on {run.parameters.dataset}, target {run.parameters.target}"
explore.plot_explorer(scored, threshold, title);

# %% [markdown]
# The same in numbers. False alarms per hour of normal video and the share of bouts caught belong together: one alarm that never
# ends catches every bout.

# %%
explore.show_consequences(scored, consequences)

# %% [markdown]
# ## The explorer
#
# Choose a run, a score and a smoothing. Drag the threshold, type it, or let a rule set it. Step through the alarms and play them:
# the recording, what the model saw, what it gave back, and the error. *Save threshold* writes it with its consequences into the
# run's folder, where `score_recording` takes it from.

# %%
explorer = explore.Explorer(chosen.results_dir, chosen.wanted(), chosen.rule, chosen.smoothing, chosen.score)
display(explorer.box)
