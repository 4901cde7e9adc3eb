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
# # Ablation: the clips
#
# "The target's frames are removed, then the rest is cut into clips": taken literally, a clip may join frames from before and after a
# cut. And where only every 5th frame is used, flow may be measured before or after the others are dropped.
#
# The two-stream CAE is trained anew with one thing changed at a time: `make ablations DATASET=ped2 DATA=<folder>`. A benchmark has
# no cuts in its training frames and every frame of it is used, so there both readings are the same and only the cage has these two
# rows. Which clips validate, and whether test clips overlap, is varied as well.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.ablations import results
from cagewatch.study.artefacts import parameters

given = parameters.start(globals())

# %% [markdown]
# ## What each choice changes
#
# Differences are between runs of the same seed. The grey band is what another seed alone changes: a choice whose dot lies inside it
# has not been shown to matter. Two or three seeds give a rough band, not an interval.

# %%
scores = results.collect_variations(given, "clips")
results.write_variations(given, "clips", scores)

# %%
results.show_variations(given, "clips", scores);

# %% [markdown]
# ## What came out

# %%
Markdown(results.describe_variations("clips", scores))
