"""What chance does to an AUC: intervals, comparisons, and the words that they allow."""
