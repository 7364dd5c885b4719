"""What only the reproduction of the paper needs: its toy, Table 1 and Figures 1 and 2."""
