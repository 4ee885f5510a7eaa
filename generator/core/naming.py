"""The one grammar of names: slugs, figure names and how they are read back."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from .errors import ConfigError

# --- names ------------------------------------------------------------------------------------------

SLUG = re.compile(r"(?!\.)[a-z0-9_.~@]+(?:-[a-z0-9_.~@]+)*")
# The site's own folders and pages: no image and no model may be called so.
RESERVED = set("images models methods compare changes pinned assets live model layers classes findings index".split())


def slug(text: str) -> str:
    """Return the part of a name that `text` becomes: lower case, ASCII, single hyphens, never empty.

    Where none of its letters is one of ASCII's, eight digits of their SHA-256 keep it apart from others.

    >>> slug("Bull mastiff"), slug("layer4.1.relu@2"), slug("vgg-cifar10~pruned-50"), slug("..")
    ('bull-mastiff', 'layer4.1.relu@2', 'vgg-cifar10~pruned-50', 'unnamed')
    >>> slug("\u9752\u86d9"), slug("\u72ac 2")
    ('unnamed-1d70fe1c', '2-f1fd47f1')
    """
    decomposed = unicodedata.normalize("NFKD", text)
    plain = decomposed.encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9_.~@]+", "-", plain)
    name = re.sub(r"-{2,}", "-", words.strip("-."))[:80].strip("-.") or "unnamed"
    if any(map(str.isalpha, decomposed)) and not re.search("[a-z]", plain):
        return f"{name[:71].rstrip('-.')}-{hashlib.sha256(decomposed.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return name


@lru_cache(maxsize=64)
def class_slugs(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the slug of each class, no two alike: where the slug of a name stands twice it ends in the class's index.

    >>> class_slugs(("crane", "bee", "Crane")), class_slugs(("a", "a", "a 0"))
    (('crane-0', 'bee', 'crane-2'), ('a-0-0', 'a-1', 'a-0-2'))
    """
    slugs = [slug(name) for name in classes]
    while len(set(slugs)) < len(slugs):
        counts = Counter(slugs)
        for index, part in enumerate(slugs):
            if counts[part] > 1:
                slugs[index] = f"{part}-{index}"
    return tuple(slugs)


def distinct_names(names: Sequence[str], indices: Sequence[int]) -> list[str]:
    """Return the names of some classes as they are shown together: of equal ones each has its index behind it.

    >>> distinct_names(["crane", "bee", "crane"], [134, 309, 517])
    ['crane (134)', 'bee', 'crane (517)']
    """
    counts = Counter(names)
    return [f"{name} ({index})" if counts[name] > 1 else name for name, index in zip(names, indices, strict=True)]


def layer_slug(name: str) -> str:
    """Return the slug of a layer's name, kept apart from the words that the grammar of figure names uses itself."""
    part = slug(name)
    return f"layer-{part}" if f"{part}-".startswith(("class-", "with-")) else part


def figure_name(model: str, image: str, method: str, layer: str = "", target: str = "", style: str = "") -> str:
    """`<model>/<image>/<method>[--<layer>][--class-<name>][--with-<style>]`, of parts that are slugs.

    >>> figure_name("vgg-cifar10", "frog", "grad-cam", "relu7", "frog")
    'vgg-cifar10/frog/grad-cam--relu7--class-frog'
    """
    name = f"{model}/{image}/{method}"
    name += f"--{layer}" if layer else ""
    name += f"--class-{target}" if target else ""
    name += f"--with-{style}" if style else ""
    return name


def parse_figure_name(name: str) -> dict[str, str]:
    """Return the parts that `figure_name` was given; raises `ConfigError` for anything else."""
    match = FIGURE.fullmatch(name)
    if not match:
        expected = "<model>/<image>/<method>[--<layer>][--class-<name>][--with-<style>]"
        raise ConfigError(f"{name!r} is not a figure's name: expected {expected}")
    return {part: value or "" for part, value in match.groupdict().items()}


_PART = SLUG.pattern
FIGURE = re.compile(
    rf"(?P<model>{_PART})/(?P<image>{_PART})/(?P<method>{_PART})"
    rf"(?:--(?!class-|with-)(?P<layer>{_PART}))?(?:--class-(?P<target>{_PART}))?(?:--with-(?P<style>{_PART}))?"
)
