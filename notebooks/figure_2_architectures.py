# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 2: the architectures
#
# The paper's claim (section 2.1): two autoencoders with two streams each, image and optical flow, fused at the bottleneck and
# separated again: one of 3-D convolutions with residual connections (RAE), one of 2-D convolutions on every frame (CAE), with
# kernels of several sizes and dilation in the last two layers. For comparison a CAE of one stream, and a supervised network made of
# the CAE's encoder and a fully connected head.
#
# The paper's figure is lost, and its text gives neither filters nor strides: those are inference. The pictures below are drawn from
# the Keras models that the study trains, layer by layer, so they cannot differ from what is run.

# %% tags=["parameters"]
# Parameters: whose runs to show and where the figures go.
dataset: str = "simulated"  # whose runs to show, a layer of params/dataset
results_dir: str = "results"  # folder the runs are in
values: dict = None  # values of the study that win over the layers; None: as its runs have them
cores: int = 0  # processor cores to use; 0: all this process may use

# %%
from IPython.display import Markdown

from cagewatch import runtime
from cagewatch.study.artefacts import parameters

given = parameters.start(globals())

# %%
runtime.load_backend()
from cagewatch.study.artefacts import architectures

models = architectures.build_models(given)

# %% [markdown]
# ## The networks
#
# Each box is a stage: its convolutions, what follows each of them, the shape of what comes out, its parameters. Look at the
# narrowest shape, at the fusion: that is all a decoder knows of the clip.

# %%
architectures.show_architectures(given, models);

# %% [markdown]
# ## In numbers

# %%
Markdown(architectures.describe_architectures(models))
