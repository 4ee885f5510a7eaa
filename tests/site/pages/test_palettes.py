"""Colour bars have the colours of the pictures beside them; run as a program, this file writes palettes.css anew."""

import re

import numpy as np
import pytest
from repository import ROOT

from generator.drawing.palettes import RAMPS
from generator.site.pages import browser_palettes

SHEET = ROOT / "site_src/assets/css/palettes.css"
SCRIPT = ROOT / "site_src/assets/js/palettes.js"


def test_sheet_and_script_are_those_that_the_palettes_give():
    assert SHEET.read_text() == browser_palettes.sheet(), "run `python tests/site/pages/test_palettes.py`"
    assert SCRIPT.read_text() == browser_palettes.script(), "run `python tests/site/pages/test_palettes.py`"


@pytest.mark.parametrize("name", sorted(RAMPS.keys() - {browser_palettes.COLOUR}))
def test_a_bar_has_the_colours_of_its_ramp(name):
    rule = re.search(rf"\.scale__ramp--{name} {{.*?}}", SHEET.read_text(), re.DOTALL)[0]
    stops = [[int(colour[at : at + 2], 16) for at in (0, 2, 4)] for colour in re.findall(r"#(\w{6})", rule)]
    palette, places = RAMPS[name].astype(float), np.linspace(0, 1, len(RAMPS[name]))
    drawn = [np.interp(places, np.linspace(0, 1, len(stops)), [stop[c] for stop in stops]) for c in range(3)]
    assert np.abs(np.stack(drawn, -1) - palette).max() <= 6, "of 255 levels"


if __name__ == "__main__":
    SHEET.write_text(browser_palettes.sheet())
    SCRIPT.write_text(browser_palettes.script())
