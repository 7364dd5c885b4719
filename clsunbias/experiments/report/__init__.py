"""Showing what was found: tables, plots, cards and the page."""
