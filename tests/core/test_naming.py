"""The grammar of names: what is written can be read back, and nothing else is a name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.core.errors import ConfigError
from generator.core.naming import figure_name, layer_slug, parse_figure_name, slug

# Words that the grammar of names uses itself are the ones that could be taken for something else.
WORDS = st.text() | st.sampled_from("class with class-frog with- --class-a layer-class-x .. a/b".split())


@given(model=WORDS, image=WORDS, method=WORDS, layer=WORDS, target=WORDS, style=WORDS)
def test_figure_names_can_be_read_back(model, image, method, layer, target, style):
    parts = {
        "model": slug(model),
        "image": slug(image),
        "method": slug(method),
        "layer": layer and layer_slug(layer),
        "target": target and slug(target),
        "style": style and slug(style),
    }
    assert parse_figure_name(figure_name(**parts)) == parts


def test_names_without_a_letter_of_ascii_stay_apart_in_every_form_of_unicode():
    names = [
        "\u9752\u86d9",
        "\u72ac",
        "\u72ac 2",
        "\u732b 2",
        "\u03b1",
        "\uac00",
        "-." * 50 + "\u72ac",
        "9-" * 50 + "\u72ac",
    ]
    assert len({slug(name) for name in names}) == len(names)
    assert slug(unicodedata.normalize("NFD", "\uac00")) == slug("\uac00")
    assert [slug(name) for name in ("Łódź", "cat 2", "2", "..")] == ["odz", "cat-2", "2", "unnamed"]


@pytest.mark.parametrize("name", ["", "a/b", "a/b/c/d", "a/../c", "A/b/c", "a/b/c--", "a/b/c--class-", "a/b/c\n"])
def test_what_is_no_figure_name_is_refused(name):
    with pytest.raises(ConfigError, match="not a figure's name"):
        parse_figure_name(name)
