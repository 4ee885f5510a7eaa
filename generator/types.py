"""Records and errors under the name that other people's code imports them by."""

from generator.core.errors import ConfigError, ImageError, InnerviewError, ModelError, NotApplicable
from generator.core.records import Example, Figure, Input, Job, Layer, MethodCard, ModelCard, Network, Stage

__all__ = [
    "ConfigError",
    "Example",
    "Figure",
    "ImageError",
    "InnerviewError",
    "Input",
    "Job",
    "Layer",
    "MethodCard",
    "ModelCard",
    "ModelError",
    "Network",
    "NotApplicable",
    "Stage",
]
