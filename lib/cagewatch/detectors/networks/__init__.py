"""The networks: built and compiled from parameters, on any Keras backend.

Only `keras` and `keras.ops` are used, so TensorFlow, JAX and PyTorch all run them. A further
network is one entry in `MODELS`.
"""

from cagewatch.detectors.networks.build import (
    MODELS,
    ModelEntry,
    build_model,
    compile_model,
    input_shapes,
    losses_of,
    streams,
)
from cagewatch.detectors.networks.summary import summary_rows
