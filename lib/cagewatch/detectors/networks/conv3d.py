"""The two-stream 3-D convolutional autoencoder: the RAE without its residual connections.

Table 2 of the paper names a "Two-stream 3D Conv AE" and section 2.1 says that it has no residual
connections, but neither gives layers. So this is the RAE, stage by stage, with every shortcut taken
out: what it scores less than the RAE is what the residuals are worth. 3,108,034 parameters for two
streams of one channel, the RAE's 3,156,994 less its twelve shortcuts.
"""

from __future__ import annotations

import keras

from cagewatch.detectors.networks.blocks import plain_block
from cagewatch.detectors.networks.rae import Shape, build_volumes
from cagewatch.params import Parameters


def build_conv3d(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the plain 3-D autoencoder; parameters, shapes and errors are those of `build_rae`."""
    return build_volumes(parameters, shapes, plain_block)
