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
# # Summary: the paper's claims, one by one
#
# One row a claim: the paper's figure, ours with its interval, by which protocol, how long the networks were trained, with how many
# seeds, on which data, and whether the two agree. A published AUC agrees if it lies in our interval, published bounds if our interval
# lies in them. An interval that holds 0.5 too, or reaches out of the bounds, decides nothing. What was not run stands with the command
# that would run it.
#
# The page is made from the finished runs and the files in the folder of figures.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.artefacts import parameters, summary

given = parameters.start(globals())

# %%
table = summary.write_summary(given)
Markdown(summary.describe_summary(given, table))

# %% [markdown]
# Read *Data* and *Trained* before the verdict: a claim about mice is not tested on a simulation, nor by a network that was stopped.

# %%
Markdown(table.to_markdown(index=False))
