"""Ablations: the open points of the paper, one changed at a time."""
