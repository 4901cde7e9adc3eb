"""Speed, measured against references within one run; ``make bench`` runs all of it."""
