"""Probe the units of a network with many images."""
