"""The site of the fake gallery, served, and a browser that visits its pages."""

import browsing
import pytest


@pytest.fixture(scope="module")
def address(built_site):
    with browsing.served(built_site) as url:
        yield url


@pytest.fixture
def visit(chromium, address):
    """Opens a page; in the end nothing may have gone wrong on any."""
    with browsing.pages(chromium) as go:
        yield lambda name, *size, **wishes: go(name if "://" in name else f"{address}/{name}", *size, **wishes)
