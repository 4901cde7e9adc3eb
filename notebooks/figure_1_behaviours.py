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
# # Figure 1: the two behaviours
#
# The paper's claim: *hang* is conspicuous, the animal holds on to the cage's lid; *groom* is not, and from a single frame it is easily
# confused with eating or micromovement.
#
# What is shown: from the longest bout of each, the clip with the most motion: its middle frame as recorded, and the frames that a
# model sees: gray, brightened and cropped, and the speed of its optical flow.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.artefacts import behaviours, parameters

given = parameters.start(globals())

# %% [markdown]
# Look at how little of the animal is left at this size, and whether the flow tells the two apart: grooming moves few pixels, and
# not far.

# %%
examples = behaviours.find_examples(given)
behaviours.show_behaviours(given, examples);

# %%
Markdown(behaviours.describe_behaviours(given, examples))
