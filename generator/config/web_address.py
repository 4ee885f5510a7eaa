"""Web addresses in the one form that pages, checks and other programs agree on, or a line on what is wrong."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlsplit, urlunsplit

PATH = "/%:@!$&'*+,;=~-._"  # characters that stand for themselves in a path; parentheses would end a Markdown link
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
PORTS = {"http": 80, "https": 443}


def web_address(text: str, page: bool = False) -> str:
    """Return the address in ASCII: scheme and host in lower case, international names as IDNA has them, the rest
    quoted.

    Of a `page` a query and a fragment may be part. Raises `ValueError` with what was expected.

    >>> web_address("HTTPS://Bücher.example:443/Sehen & Größe/"), web_address("http://[2001:DB8::0:1]:8080")
    ('https://xn--bcher-kva.example/Sehen%20&%20Gr%C3%B6%C3%9Fe/', 'http://[2001:db8::1]:8080')
    """
    if re.search(r"[\x00-\x1f\x7f-\x9f\\]", text):
        raise ValueError("expected an address without backslashes and control characters")
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"expected an address such as https://example.org/gallery ({error})") from None
    if parts.scheme not in PORTS or not host:
        raise ValueError("expected an address that begins with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise ValueError("expected an address without a user's name")
    if not page and (parts.query or parts.fragment or text.rstrip().endswith(("?", "#"))):
        raise ValueError("expected an address without ? and #, as pages are found below it")
    if ".." in parts.path.split("/") or "." in parts.path.split("/"):
        raise ValueError("expected an address without . and .. among its folders")
    place = _host(host) + (f":{port}" if port not in (None, PORTS[parts.scheme]) else "")
    path, query, fragment = (quote(_percent(part), PATH + "?") for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, place, path, query, fragment))


def _host(host: str) -> str:
    if ":" in host:
        if "%" in host:
            raise ValueError("expected an address without the zone of a machine's network")
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            raise ValueError("expected an IPv6 address in the brackets") from None
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("expected a host's name") from None
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or not all(map(LABEL.fullmatch, labels)):
        raise ValueError("expected a host's name")
    return name


def _percent(text: str) -> str:
    """Return the text with each per cent sign that begins no code written as one."""
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
