"""Train and evaluate the bundled networks."""
