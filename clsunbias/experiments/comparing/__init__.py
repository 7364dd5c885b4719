"""Predictions of any origin against each other: read, paired, judged."""
