"""Innerview: what a convolutional network sees, as a gallery of pictures."""

__version__ = "0.1.0"
