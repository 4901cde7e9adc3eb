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
# # Real mice: 100 seconds of home-cage video
#
# Every other cage figure of this study is simulated. Here one real mouse is seen for 100 seconds, labelled by a human: too little to
# say how a detector would do in a lab, enough to see where the simulation is kinder than a camera.
#
# Each half of the video is scored by detectors fitted on the other, the held-out behaviour's frames left out of training. The
# protocol was written before any score was computed: `docs/real_mice.md`. That labels and video belong together is inferred.
#
#     make study DATASET=mit_sample DATA=<folder>

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "mit_sample"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.artefacts import parameters
from cagewatch.study.artefacts.real_mice import figures, halves, tables

given = parameters.start(globals())

# %% [markdown]
# ## Rear
#
# Look first at the rows that learn nothing and at the linear ones, then at the two columns of the halves: the first half holds 38
# frames of rear in three bouts, so its column jumps easily.

# %%
found = halves.read_targets(given)
tables.tabulate_target(given, "rear", found["rear"])

# %% [markdown]
# ## Walk
#
# A walking mouse moves, so largest flow ought to find it. Whatever is below that has not learnt what walking is.

# %%
tables.tabulate_target(given, "walk", found["walk"])

# %% [markdown]
# ## Groom
#
# Two bouts, one in each half. No interval, no claim.

# %%
tables.tabulate_target(given, "groom", found["groom"])

# %% [markdown]
# ## Is one better than another?
#
# Only the comparisons that the protocol names, on the same resampled bouts.

# %%
pairs = tables.compare_pairs(given, found)
pairs.round(3)

# %% [markdown]
# ## The curves

# %%
figures.draw_curves(given, found);

# %% [markdown]
# ## 100 seconds
#
# A good strip is high in the shaded bouts and low elsewhere. The mouse rests for the first 15 seconds. Where a strip is high
# outside the bouts, look at the stills below for what it saw.

# %%
figures.draw_timelines(given, found);

# %% [markdown]
# ## What did each detector find?
#
# The moments that scored highest, at the size at which networks see them.

# %%
figures.draw_stills(given, found);

# %% [markdown]
# ## What came out

# %%
Markdown("\n\n".join(tables.describe_target(one, found[one], pairs) for one in found))
