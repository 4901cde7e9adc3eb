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
# # Figure 4: the two-stream models on hang
#
# The paper's claim (section 3.3): hang is conspicuous, and the two-stream models find it with AUCs of over 0.9. The exact values are
# in a figure that is lost; the text bounds them between 0.9 and the single-stream model's 0.959.
#
# What was run: the residual autoencoder (RAE, left) and the convolutional autoencoder (CAE, right), trained without any frame of
# hang, scored on the test recordings; thin lines are linear detectors and looks that learn nothing.

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
# for the area under the curve (AUC), over the seeds there are. The dot is where as large a share of hang frames is missed as of
# others is flagged. Look for a curve that rises steeply at the left edge, where few false alarms are: a threshold is set there. And look whether it lies
# above the thin lines: hanging moves pixels, so a plain frame difference may already find it.

# %%
curves = roc.read_target(given, "hang")
roc.show_target(given, "hang", "figure_4_roc_hang", curves);

# %% [markdown]
# ## What came out

# %%
Markdown(roc.describe_target(given, "hang", curves))
