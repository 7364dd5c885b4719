"""The paper's tables and figures: runs, tables beside the published ones, figures."""
