"""Type, spaces, corners and levels come from tokens.css; run as a program, this file writes them into style sheets."""

import re

import pytest
from repository import ROOT

from generator.drawing import social_card

CSS = ROOT / "site_src/assets/css"
# What is no page's measure: the tokens themselves, fonts, paper, and generated colour bars.
SHEETS = [
    path
    for path in sorted(CSS.rglob("*.css"))
    if path.name not in ("tokens.css", "fonts.css", "palettes.css", "print.css")
]
TOKENS = (CSS / "tokens.css").read_text()
PROPERTIES = {
    "text": r"font-size",
    "space": r"(?:margin|padding)(?:-\w+(?:-\w+)?)?|(?:row-|column-)?gap",
    "radius": r"border-radius",
    "level": r"z-index",
}
REM = 20  # pixels, the size of the root
HAIR = 2  # pixels: a line, or what makes room for one
LENGTH = re.compile(r"(?<![\w.(#-])(-?)(\d*\.?\d+)(rem|px)(?![\w%])")


def declared(kind: str) -> dict[str, float]:
    """The tokens of a kind by name, in pixels, or as plain numbers; those that depend on the window are none."""
    found = re.findall(rf"--({kind}-[\w-]+): (\d*\.?\d+)(rem|px|);", TOKENS)
    return {name: float(number) * {"rem": REM}.get(unit, 1) for name, number, unit in found}


def literals(kind: str, value: str) -> list[str]:
    """The lengths of a declaration that no token stands for; those in em and per cent belong to the text around."""
    if kind == "level":
        return [value] if re.fullmatch(r"-?\d+", value) and value not in ("0", "-1") else []
    allowed = 0 if kind in ("text", "radius") else HAIR
    return [
        "".join(found)
        for found in LENGTH.findall(re.sub(r"(?:min|max|calc|clamp)\([^;]*\)", "", value))
        if abs(float(found[1])) * {"rem": REM, "px": 1}[found[2]] > allowed
    ]


def declarations(text: str, kind: str):
    """Each declaration of a kind: the match, of which group 2 is the value."""
    return re.finditer(rf"(?m)^(\s+(?:{PROPERTIES[kind]}): )([^;{{}}]+)(?=;)", text)


def nearest(kind: str, sign: str, number: str, unit: str) -> str:
    """The token nearest to a length, by ratio."""
    size = float(number) * {"rem": REM, "px": 1, "": 1}[unit]
    tokens = declared(kind)
    name = min(tokens, key=lambda one: max(tokens[one], size) / min(tokens[one], size))
    return f"calc(-1 * var(--{name}))" if sign else f"var(--{name})"


def rewritten(text: str) -> str:
    """A style sheet with tokens in the place of its own lengths."""
    for kind in PROPERTIES:

        def value(found, kind=kind):
            if not literals(kind, found[2]):
                return found[0]
            if kind == "level":
                return found[1] + nearest(kind, "", found[2], "")
            small = 0 if kind in ("text", "radius") else HAIR

            def token(length):
                is_small = float(length[2]) * {"rem": REM, "px": 1}[length[3]] <= small
                return length[0] if is_small else nearest(kind, *length.groups())

            return found[1] + LENGTH.sub(token, found[2])

        text = re.sub(rf"(?m)^(\s+(?:{PROPERTIES[kind]}): )([^;{{}}]+)(?=;)", value, text)
    return text


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb`, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.relative_to(CSS).as_posix())
def test_a_sheet_has_no_length_of_its_own(sheet):
    own = {
        found[0].strip()
        for kind in PROPERTIES
        for found in declarations(sheet.read_text(), kind)
        if literals(kind, found[2])
    }
    assert own == set(), "run `python tests/site/test_tokens.py`, and look at the page"


@pytest.mark.parametrize("kind, most", [("text", 7), ("space", 8), ("radius", 3), ("level", 4)])
def test_there_are_few_of_each_kind_and_all_are_used(kind, most):
    tokens = declared(kind)
    assert 3 <= len(tokens) <= most
    everything = "".join(path.read_text() for path in CSS.rglob("*.css"))
    assert [name for name in tokens if f"var(--{name})" not in everything] == []


def test_a_length_is_seen_and_replaced_by_the_nearest_token():
    text = "  a {\n    margin: 0 auto 0.61rem -0.6rem;\n    gap: 2px;\n    padding: 0.3em;\n    z-index: 2;\n  }\n"
    assert rewritten(text) == (
        "  a {\n    margin: 0 auto var(--space-3) calc(-1 * var(--space-3));\n    gap: 2px;\n    padding: 0.3em;\n"
        "    z-index: var(--level-2);\n  }\n"
    )


PAIRS = [(ink, ground) for ink in ("ink", "ink-soft", "green", "wrong") for ground in ("paper", "plate", "sunk")]
PAIRS += [
    ("on-green", "green"),
    ("green", "green-soft"),
    ("wrong", "wrong-soft"),
    ("ink", "green-soft"),
    ("ink", "wrong-soft"),
]


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_text_is_legible_on_every_ground_that_it_stands_on(scheme):
    block = TOKENS[TOKENS.index(f'[data-md-color-scheme="{scheme}"]') :].partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    low = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


def test_cards_of_links_have_the_colours_of_the_light_scheme():
    block = TOKENS[TOKENS.index('[data-md-color-scheme="default"]') :].partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    names = {"PAPER": "paper", "PLATE": "plate", "SUNK": "sunk", "INK": "ink", "SOFT": "ink-soft", "LINE": "line"}
    drawn = {token: getattr(social_card, name) for name, token in names.items()}
    drawn |= {"green": social_card.TONES["right"], "wrong": social_card.TONES["wrong"]}
    assert drawn == {token: colours[token] for token in drawn}


if __name__ == "__main__":
    for path in SHEETS:
        path.write_text(rewritten(path.read_text()))
