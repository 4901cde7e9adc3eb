"""One's own cages: train on them, score them."""
