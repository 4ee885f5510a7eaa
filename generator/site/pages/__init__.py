"""The contexts of the pages, one module per kind."""
