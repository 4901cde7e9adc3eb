"""Fitting a network: epochs, checkpoints, precision."""
