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
# # How hard is each behaviour?
#
# Not in the paper. Before a network's AUC means anything, one must know what a glance gives: how bright the picture is, how high
# the dark blob lies, and, among the detectors below, how much it changes and how fast its fastest patch moves. A behaviour that one
# of these separates needs no network, and a data set in which one of them separates every behaviour would prove nothing.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown, display

from cagewatch.study.artefacts import difficulty, parameters

given = parameters.start(globals())
rows = difficulty.collect_models(given)
table = difficulty.write_difficulty(given, rows)
display(table)

# %% [markdown]
# Two looks at the picture above, detectors below, kind by kind. Far from 0.5 in either direction is easy for a look. A detector's cell
# is filled for the behaviours that were targets of finished runs: the mean over its seeds, with its 95 % interval.

# %%
difficulty.show_difficulty(given, table, rows);

# %%
Markdown(difficulty.describe_difficulty(table))

# %% [markdown]
# ## Is the highest row of a behaviour better than the others?
#
# One number a behaviour hides how few bouts it rests on. Every detector is therefore compared with every other one on the same
# recordings; the verdict asks for pooled and scaled scores, after Holm's correction for all comparisons.

# %%
pairs, words = difficulty.write_models(given, rows)
Markdown(words)

# %%
display(pairs)

# %% [markdown]
# On simulated video these numbers say how the simulation is made, and nothing about mice. Nothing in it was adjusted to them.
