"""What the suite costs beside plain PyTorch: ``python -m benchmarks [NAME ...]``."""
