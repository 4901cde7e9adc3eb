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
# Not in the paper. Before a network's AUC means anything, one must know what a glance gives: how much the picture changes, how
# fast the fastest patch moves, how bright it is, how high the dark blob lies. A behaviour that one of these separates needs no
# network, and a data set in which one of them separates every behaviour would prove nothing.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.artefacts import alternates, difficulty, parameters

given = parameters.start(globals())
rows = difficulty.collect_models(given)
table = difficulty.measure_difficulty(given, rows)
difficulty.write_difficulty(given, table)

# %% [markdown]
# Four simple looks above, models below, in two groups: those of the paper with ours, and the paper's rivals. Far from 0.5 in
# either direction is easy for a look. A model's cell is filled for the behaviours that were targets of finished runs: the mean over
# its seeds and, of several, half their range.

# %%
difficulty.show_difficulty(given, table, rows);

# %%
Markdown(difficulty.describe_difficulty(table))

# %% [markdown]
# ## Is our detector better than the paper's two-stream networks, and than what needs no network?
#
# One number a behaviour hides how few bouts it rests on. Both scores are therefore compared on the same resampled bouts: they are
# apart where the interval of the difference leaves 0 out. `docs/best_detector.md` says how the detector was chosen and where it fails.

# %%
pairs = alternates.compare_claims(given, rows, difficulty.PAIRS)
difficulty.write_models(given, rows, pairs)
Markdown(difficulty.describe_pairs(pairs))

# %%
alternates.present_pairs(pairs)

# %% [markdown]
# On simulated video these numbers say how the simulation is made, and nothing about mice. Nothing in it was adjusted to them.
