"""Measure what maps, units and networks are worth: faithfulness, probes, rankings and pruning."""
