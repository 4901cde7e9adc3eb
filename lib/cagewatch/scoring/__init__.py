"""From a detector and a recording to one score per frame."""
