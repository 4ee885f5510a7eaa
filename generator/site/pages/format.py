"""Numbers as pages print them."""

from __future__ import annotations


def number(value: float) -> str:
    """Return a value of an array, to three figures, with a true minus: `−0.021`, `1.2·10⁻⁷`.

    >>> number(-0.0213), number(1234.5), number(1.23e-7), number(0)
    ('−0.0213', '1,234', '1.23·10⁻⁷', '0')
    """
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        digits = f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
        return digits.replace("-", "−")
    mantissa, exponent = f"{value:.2e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{power}".replace("-", "−")


def percent(share: float) -> str:
    """Return a probability as people read it: `99.1 %`, `under 0.1 %`; never a rounded 0 or 100.

    >>> percent(0.9914), percent(0.99999), percent(0.0002), percent(0.0)
    ('99.1\\xa0%', 'over 99.9\\xa0%', 'under 0.1\\xa0%', '0\\xa0%')
    """
    if 0 < share < 0.001:
        return "under 0.1\xa0%"
    if 0.999 < share < 1:
        return "over 99.9\xa0%"
    return f"{share * 100:.1f}".removesuffix(".0") + "\xa0%"


def correlation(value: float, digits: int = 3) -> str:
    """Return how alike two pictures are; never a 1 that was rounded.

    >>> correlation(0.9371), correlation(0.99997), correlation(0.9371, 2), correlation(1.0), correlation(-0.25)
    ('0.937', 'over\xa00.999', '0.94', '1', '−0.250')
    """
    most = 1 - 10**-digits
    if most < value < 1:
        return f"over\xa0{most:.{digits}f}"
    return "1" if value == 1 else f"{value:.{digits}f}".replace("-", "−")


def count(value: int) -> str:
    """Return a count in full: `9,228,362`."""
    return f"{value:,}"


def short_count(value: int) -> str:
    """Return a count to three figures: `9.23 M`.

    >>> short_count(9228362), short_count(605754368), short_count(640)
    ('9.23\\xa0M', '606\\xa0M', '640')
    """
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}\xa0{unit}"
    return str(value)


def shape(sizes: list | tuple) -> str:
    """`64 × 32 × 32`; several arrays one after the other.

    >>> shape([64, 32, 32]), shape([[1, 8, 8], [1, 4, 4]])
    ('64 × 32 × 32', '1 × 8 × 8, 1 × 4 × 4')
    """
    if any(isinstance(size, list | tuple) for size in sizes):
        return ", ".join(shape(size) for size in sizes)
    return " × ".join(str(size) for size in sizes)
