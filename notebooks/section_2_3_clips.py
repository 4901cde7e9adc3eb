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
# # Section 2.3: numbers of clips
#
# The paper's claim: with every fifth frame of six videos and no overlap, *hang* leaves 9577 clips of 8 frames to train on and 2395
# to validate on, *groom* 7312 and 1828; half of one video, every frame, gives 6989 test clips.
#
# What was done: the recordings are cut into clips exactly as the runs cut them; no network is needed for that.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown, display

from cagewatch.study.artefacts import clip_counts, parameters

given = parameters.start(globals())

# %%
counts = clip_counts.write_counts(given)
display(counts)

# %% [markdown]
# Look at the ratio of training to validation clips, which must be 4 to 1, and at the order: the behaviour that fills more of the
# recordings leaves fewer clips.

# %%
Markdown(clip_counts.describe_counts(given, counts))
