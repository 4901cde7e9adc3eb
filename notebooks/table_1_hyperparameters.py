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
# # Table 1: hyperparameters
#
# The paper's claim: the table of section 2.4. Adam's "momentum 0.5" is read as its `beta_1`.
#
# What was done: the values are read from the study's parameters, each model is built and compiled with them, and the compiled model
# is asked what it has: optimiser, learning rate, loss, loss weights, and the dilation of each convolution. A value that differs stops this
# notebook with an error that names it.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch import runtime
from cagewatch.study.artefacts import parameters

given = parameters.start(globals())

# %%
runtime.load_backend()
from cagewatch.study.artefacts import hyperparameters

checked = hyperparameters.check_models(given)
hyperparameters.write_hyperparameters(given, checked)

# %% [markdown]
# Where ours and the paper's columns differ, the study was told other values; the sentence below says so.

# %%
Markdown(hyperparameters.describe_hyperparameters(given, checked))
