"""What computes a trained network's scores."""

from cagewatch import runtime

runtime.load_backend()  # before a module here imports Keras, whose start would be heard
