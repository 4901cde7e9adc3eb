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
# # Figure 3: the two-stream models on groom
#
# The paper's claim (section 3.2): groom is hard to see, even for people, and the two-stream models find it only marginally better
# than a guess. Their AUCs are in a figure that is lost; the text bounds them between 0.5 and the single-stream model's 0.644.
#
# What was run: the residual autoencoder (RAE, left) and the convolutional autoencoder (CAE, right), trained without any frame of
# groom, scored on the test recordings; thin lines are linear detectors and looks that learn nothing.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.artefacts import parameters, roc

given = parameters.start(globals())

# %% [markdown]
# ## The curves
#
# The band is an interval over whole recordings or bouts, since neighbouring frames are alike; the brackets in the legend are the same
# for the area under the curve (AUC), over the seeds there are. The dot is where as large a share of groom frames is missed as of
# others is flagged. Look for a band that stays above the diagonal: if it does not, the model has not been shown to find grooming at all.

# %%
curves = roc.read_target(given, "groom")
roc.show_target(given, "groom", "figure_3_roc_groom", curves);

# %% [markdown]
# ## What came out

# %%
Markdown(roc.describe_target(given, "groom", curves))
