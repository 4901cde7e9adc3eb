"""What computes a trained network's scores."""
