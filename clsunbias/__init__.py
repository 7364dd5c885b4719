"""clsunbias: class-unbiased training for medical diagnosis, on PyTorch Lightning.

What is offered here is listed in ``__init__.pyi`` and imported when it is first asked for, so that commands start fast.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
