"""Run a gallery: plan, pool, workers, shards, cache keys and manifest."""
