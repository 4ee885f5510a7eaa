"""Measures of faithfulness, one file each."""
