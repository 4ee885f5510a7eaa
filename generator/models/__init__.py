"""Turn model specifications into loaded networks."""
