"""Publish a gallery: pages, diffs, checks, social cards and the development server."""
