"""Weights & Biases: a run's curves and tables there, and reports and workspaces of many runs."""
