"""Where the repository is, for tests at any depth, and the order of its packages."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
# Of `generator`: a package imports those before it and nothing else of the house.
PACKAGES = "core config data models drawing engine live methods analysis pipeline site training cli".split()
