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
# # Ablation: the score
#
# The paper scores a clip by "the l2 norm of the MSE, averaged across both streams". That leaves open which norm of what, whether
# streams of different noise are averaged as they are, which frame a clip's score belongs to, and whether a ROC counts frames or
# clips (and which clip then is an anomaly: one with half its frames in the target, or with any). Nothing of this needs training:
# the same network's errors on the same test frames are turned into scores in every way, one thing changed at a time.
#
# Two rows are not the paper's: the distance of a clip's bottleneck to the nearest training clips (k nearest neighbours, k = 5, fixed
# beforehand) instead of the reconstruction error, and the average of both, standardised on training clips.
#
# It is also where one stream may lose to two or beat them: in a raw average the stream whose scores vary most decides, good or bad.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch.study.ablations import results
from cagewatch.study.ablations import scores as scoring
from cagewatch.study.artefacts import parameters

given = parameters.start(globals())

# %% [markdown]
# ## What each choice changes
#
# Look for differences larger than what another seed changes. With one seed that is unknown, and no choice can be said to matter.

# %%
scores, streams = scoring.rescore_runs(given)
scoring.write_streams(given, streams)
results.write_variations(given, "scores", scores)

# %%
results.show_variations(given, "scores", scores);

# %% [markdown]
# ## Which stream decides the average
#
# `share` is what a stream contributes to the variance of the raw average, `noise` how much its scores vary over normal training
# clips, `auc` what it finds on its own. A large share with a small AUC is a stream that spoils the average.

# %%
streams.round(3)

# %% [markdown]
# ## What came out

# %%
Markdown(scoring.describe_scores(given, scores, streams))
