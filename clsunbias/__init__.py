"""clsunbias: class-unbiased training for medical diagnosis, on PyTorch Lightning."""

__version__ = "0.1.0"
