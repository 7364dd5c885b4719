"""From anyone's data to a verdict: what the data are, and a fair comparison that suits them."""
