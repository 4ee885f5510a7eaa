"""Import torchvision, with the cure that a CPU-only torch needs; the only module that imports it."""

from . import torchvision_cure

torchvision_cure.install()

import torchvision as torchvision  # noqa: E402 - only now is it cured
