"""Records, errors, names, safe text, the content-addressed store and code digests."""
