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
# # Ablation: the flow
#
# The paper's second stream is "dense optical flow", which may be its magnitude, both of its components or a picture in colours. How
# it is brought to [0, 1] is not said either, nor over what window Farneback's method looks. Scaling each frame by its own maximum
# throws speed away: if that changes nothing, the network does not use speed.
#
# The two-stream CAE is trained anew with one thing changed at a time: `make ablations DATASET=ped2 DATA=<folder>`.

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
scores = results.collect_variations(given, "flow")
results.write_variations(given, "flow", scores)

# %%
results.show_variations(given, "flow", scores);

# %% [markdown]
# ## What came out

# %%
Markdown(results.describe_variations("flow", scores))
