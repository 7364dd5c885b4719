"""Doing runs: what a run asks for, where it is done, the record that it leaves."""
