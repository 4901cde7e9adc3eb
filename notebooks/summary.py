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
# # Summary: what was reproduced, what was not, what was not run
#
# One row an artefact of the paper. *Reproduced* and *not reproduced* are said only of the paper's own data at the paper's own scale,
# where every published number is compared with our interval (or ours with the bounds that the text gives). Everything else is *not
# run*, with the reason and the command that would run it; what came out in its stead stands beside it.
#
# The page is generated from the finished runs and the files in the folder of figures.

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
# Read the last column first: it says what stands between this study and the paper.

# %%
Markdown(table.to_markdown(index=False))
