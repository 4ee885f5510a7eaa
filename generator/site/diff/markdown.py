"""What changed between two galleries in Markdown that is safe to post: whatever others wrote stands in code spans."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from generator.core.manifest_types import (
    ChangesAnswer,
    ChangesFigure,
    ChangesRecord,
    MaskRecord,
    ProbabilityRecord,
    ValueRecord,
)
from generator.site.pages import changes
from generator.site.pages.escape import fold

MARK = "<!-- innerview-diff -->"  # by which a later comment finds the one it replaces
LIMIT = 60_000  # bytes; GitHub takes 65,536 characters, and whoever posts it may add a few lines
HEADS = ("figure", "correlation", "difference", "largest", "SSIM", "because of")


def comment(comparison: ChangesRecord, refused: Sequence[str] = (), limit: int = LIMIT) -> str:
    """Return the answer of `diff.diff` as Markdown of at most `limit` bytes: the most changed first, what is left out
    is told.

    `refused` are the gates that it breaks. There are no links, no mentions and no HTML of others in it: titles are
    left out, and names, classes and reasons are code.
    """
    head = [MARK, "## What changed in the gallery", "", f"{changes.summary(comparison)} {changes.same(comparison)}", ""]
    if refused:
        head += ["**Refused:**", "", *(f"- {code(line)}" for line in refused), ""]
    head += [f"- {title}: {code(words)}" for title, words in changes.causes(comparison)]
    head += [""] if changes.causes(comparison) else []
    sections = [
        _answers(comparison["answers"]),
        *_changed(comparison["figures"]),
        _new(comparison["figures"]),
        *_gone(comparison),
    ]
    return _fitted("\n".join(head).rstrip() + "\n\n", [section for section in sections if section[1]], limit)


def code(words: str) -> str:
    """Someone else's words as a code span: in it nothing is a mention, a link or a tag, and no bar ends a cell.

    >>> print(code("a`b|c @all\\nd"))
    `a'b¦c @all d`
    """
    return f"`{fold(words).replace('`', chr(39)).replace('|', '¦')[:300] or ' '}`"


Section = tuple[str, list[str]]  # what stands above, and the rows that may be left out from the end


def _fitted(head: str, sections: Iterable[Section], limit: int) -> str:
    """As many rows of each section, from its top, as there is room for."""
    spare = limit - 400  # for the lines that tell what is missing
    text = head
    for title, rows in sections:
        block, taken = title, 0
        for row in rows:
            if len((text + block + row).encode()) + 2 > spare:
                break
            block += row + "\n"
            taken += 1
        if taken < len(rows):
            block += f"\n{len(rows) - taken:,} more are listed on the Changes page.\n"
        if taken or len((text + block).encode()) < limit - 100:
            text += block + "\n"
    return text


def _answers(answers: Sequence[ChangesAnswer]) -> Section:
    title = "### Changed predictions\n\n| network | image | before | now | right |\n|---|---|---|---|---|\n"
    rows = []
    for answer in answers:
        cells = [
            code(answer["model"]),
            code(answer["image"]),
            *(_answer_cell(answer[when]) for when in ("before", "after")),
        ]
        rows.append(_row([*cells, code(answer["label"]) if answer["label"] else ""]))
    return title, rows


def _answer_cell(answer: ProbabilityRecord | ValueRecord | MaskRecord) -> str:
    if "value" in answer or "share" in answer:
        return code(changes.answer_text(answer))
    return f"{code(answer['name'])} {100 * answer['probability']:.1f} %"


def _changed(figures: Sequence[ChangesFigure]) -> list[Section]:
    entries = [entry for entry in figures if entry["kind"] == "changed"]
    status = [entry for entry in entries if entry["status"][0] != entry["status"][1]]
    title = "### Status changed\n\n| figure | before | now | reason |\n|---|---|---|---|\n"
    turned = [_row([code(entry["id"]), *entry["status"], code(entry["reason"])]) for entry in status]
    heads = f"### Changed, largest change first\n\n{_row(HEADS)}\n{_row(['---'] + ['---:'] * 4 + ['---'])}\n"
    return [(title, turned), (heads, [_row(_cells(entry)) for entry in entries if entry not in status])]


def _cells(entry: ChangesFigure) -> list[str]:
    numbers = dict(changes.measured(entry["numbers"]))
    shown = [numbers.get(name, "?") for name in ("correlation", "relative L2 difference", "largest difference", "SSIM")]
    return [code(entry["id"]), *shown, ", ".join(entry["because"])]


def _new(figures: Sequence[ChangesFigure]) -> Section:
    return _grouped("New", [entry for entry in figures if entry["kind"] == "new"])


def _gone(comparison: ChangesRecord) -> list[Section]:
    """Reports that are gone as a whole in a line each, and then single figures."""
    lost = {axis: comparison["parts"][part]["gone"] for axis, part in (("model", "models"), ("image", "images"))}
    entries = [entry for entry in comparison["figures"] if entry["kind"] == "gone"]
    in_lost_reports = [entry for entry in entries if any(entry[axis] in names for axis, names in lost.items())]
    single = [f"- {code(entry['id'])}" for entry in entries if entry not in in_lost_reports]
    return [_grouped("Removed reports", in_lost_reports), ("### Removed\n\n", single)]


def _grouped(title: str, entries: Sequence[ChangesFigure]) -> Section:
    counts = Counter((entry["model"], entry["image"]) for entry in entries)
    rows = [_row([code(model), code(image), f"{count:,}"]) for (model, image), count in counts.items()]
    return f"### {title}\n\n| network | image | figures |\n|---|---|---:|\n", rows


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(re.sub(r'[|]', '¦', cell) for cell in cells)} |"
