"""Looking things up in the manifest: what thousands of pages ask for is not searched for each time."""

from generator.site.pages import components
from generator.site.pages.components import Link
from generator.site.pages.manifest_index import Keys

MANY = 300


class Counted(str):
    """A key that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)


def test_neighbours_of_every_page_take_no_search_through_all_pages():
    keys = Keys(Counted(number) for number in range(MANY))
    Counted.compared = 0
    pagers = [components.pager("image", keys, Counted(number), lambda key: Link(key, "")) for number in range(MANY)]
    assert Counted.compared <= 4 * MANY, "a search compares half of them for each page"
    assert [pager.previous.text for pager in pagers[1:]] == [str(number) for number in range(MANY - 1)]
    assert [pager.next.text for pager in pagers[:-1]] == [str(number) for number in range(1, MANY)]
    assert pagers[0].previous is None and pagers[-1].next is None
