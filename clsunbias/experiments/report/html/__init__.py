"""A folder of runs as one self-contained HTML page."""
