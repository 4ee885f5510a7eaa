"""Networks and the runtime as scripts that the live page reads over http and loads from files alike."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from isal import isal_zlib

BEFORE, AFTER = b"innerviewLive.take(", b");\n"  # what the page strips where it reads the file itself


def script(name: str, card: Mapping[str, Any], texts: Mapping[str, str], binaries: Mapping[str, bytes]) -> bytes:
    """Return a script that hands the page an object: `name`, `card`, texts, and binaries as Base64 of gzip."""
    content = {"name": name, "card": card, **texts, **{key: _packed(data) for key, data in binaries.items()}}
    plain = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return BEFORE + plain.encode() + AFTER


def _packed(data: bytes) -> str:
    squeeze = isal_zlib.compressobj(level=2, wbits=31)  # gzip, whose header then has neither time nor name
    return base64.b64encode(squeeze.compress(data) + squeeze.flush()).decode()
