"""The audit: whether a classifier leans on features that tell about one class more than about another."""
