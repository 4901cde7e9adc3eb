"""Ablations: what the paper leaves open or states without a reason, one changed at a time."""
