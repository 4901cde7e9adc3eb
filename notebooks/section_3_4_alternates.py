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
# # Section 3.4: do the simpler and the supervised network do better?
#
# The paper's claim: a single-stream CAE, which sees gray frames only, and a supervised network made of the same encoder both
# reach higher AUCs than the two-stream models, on both behaviours: 0.959 and 0.644 (single-stream, hang and groom), 0.99 and 0.66
# (supervised). The first was unexpected to its authors.
#
# What was run: all four on the same clips of the same recordings, and every other detector that the study runs.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown, display

from cagewatch.study.artefacts import alternates, parameters

given = parameters.start(globals())

# %% [markdown]
# ## The table
#
# Three AUCs of the same scores: pooled raw, scaled per recording first, and the mean over recordings. With one test recording the
# three agree. The published values are of the real home cage, whatever was run here.

# %%
rows = alternates.collect_alternates(given)
table, pairs, words = alternates.write_alternates(given, rows)
display(table)

# %% [markdown]
# The same as a picture: a dot is our AUC with its interval, a cross what the paper states. Look whether the dots of the
# single-stream and the supervised network lie to the right of the two-stream ones', as the paper says.

# %%
alternates.show_alternates(given, rows);

# %% [markdown]
# ## Is one better than the other?
#
# Every row is compared with every other one on the same recordings. Shown are the paper's claims, each network that learns
# without labels against 20 components of frames, and the highest row against all others. The verdict is "better" only where pooled and scaled scores both say so after Holm's correction for all comparisons.

# %%
display(pairs)

# %%
Markdown(words)
