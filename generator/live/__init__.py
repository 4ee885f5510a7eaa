"""Networks as graphs that a browser runs: what a visitor's own picture goes through on the published page."""
