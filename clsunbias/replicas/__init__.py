"""Several runs of small networks trained as one: stacked parameters, and of each run what it would leave alone."""
