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
# # Learning curves: how long must a network be trained?
#
# The loss says how well a network rebuilds normal clips; the AUC says whether what it cannot rebuild is the target. The two need not go
# together. The test is scored along the way to be shown here, and nothing is decided by it: every network trains as long as it was
# told to. To have it scored, give `curve_epochs`, for instance `make study PARAMS=own.yaml` with `curve_epochs: [1, 2, 4, 8]`.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.artefacts import learning, parameters

given = parameters.start(globals())

# %% [markdown]
# ## The curves
#
# Look where a curve crosses the horizontal lines: those detectors take seconds to fit. A curve that still rises at its end belongs to a
# network that was stopped early.

# %%
curves, lines = learning.collect_curves(given), learning.collect_lines(given)
learning.show_curves(given, curves, lines);

# %%
learning.write_curves(given, curves)

# %% [markdown]
# ## What came out

# %%
Markdown(learning.describe_curves(curves, lines))
