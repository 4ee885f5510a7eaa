"""Observe one pass of a network: capture, tape, trace, scene, scheduler, sampling and optimisation."""
