"""From values to colours: the only place in Python that knows a palette."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from generator.core.records import StyleCard

from . import photo_styles  # noqa: F401  (it registers its styles)
from .encode import animation, indexed_png, png, webp
from .labels import bars, captioned
from .palettes import GREENS, GREYS, HEAT, SIGNED
from .patches import board as patch_board
from .rendered_image import (
    SMALLEST,
    THUMB,
    Picture,
    factor_for,
    finite,
    layout_of,
    photographic,
    rgb_picture,
    thumb_size,
    to_codes,
    to_rgb,
)
from .style_registry import STYLES, style
from .tiles import colour_mosaic, cut, enlarge, enlargement, mosaic, strongest

UNIT = 112  # pixels on the longer side that a small tile of one unit is enlarged to
GAP = 1  # pixels between the tiles of a sprite

Arrays = Mapping[str, np.ndarray]


def draw(name: str, arrays: Arrays, meta: Mapping[str, Any], photo: np.ndarray | None, limit: float | None) -> Picture:
    """Draw a result in the style called `name`.

    `photo` (H, W, C) uint8 is the network's input as a picture; `limit` is the largest value of the scale where several
    pictures share it (see `own_limit`), None for the result's own. `meta["captions"]` are words and how far that is,
    for each frame of a film; `meta["frame"]` says which one this is, none that it is the last.
    """
    picture = STYLES[name].draw(arrays, meta, photo, limit)
    if captions := meta.get("captions"):
        longest = max((words for words, _ in captions), key=len)
        words, share = captions[meta.get("frame", -1)]
        return captioned(picture, words, share, longest)
    return picture


def animate(
    name: str,
    frames: np.ndarray,
    arrays: Arrays,
    meta: Mapping[str, Any],
    photo: np.ndarray | None,
    limit: float | None,
) -> tuple[str, bytes]:
    """Return how a result came about, suffix and bytes: `frames` (n, ...) one after the other, and then the result
    itself.

    All are drawn on the scale that ends at `limit`, which is the still's.
    """
    moments = enumerate([*frames, arrays["map"]])
    shown = [draw(name, {"map": frame}, {**meta, "frame": number}, photo, limit) for number, frame in moments]
    boards = [Image.open(io.BytesIO(picture.files["file"][1])).convert("RGB") for picture in shown]
    size = boards[-1].size  # of painted pictures smaller frames are kept
    boards = [board if board.size == size else board.resize(size, Image.Resampling.BILINEAR) for board in boards]
    enlarged = shown[-1].files["file"][0] == ".png" and shown[-1].width > frames.shape[-1]
    return ".webp", animation([np.asarray(board) for board in boards], exact=enlarged)


def own_limit(name: str, arrays: Arrays) -> float | None:
    """Return the value at which this result alone would end its scale; figures side by side share the largest."""
    limit = STYLES[name].limit
    return max(limit(finite(array)) for array in arrays.values()) if limit else None


def style_cards(records: Iterable[Mapping[str, Any]] = ()) -> dict[str, StyleCard]:
    """Return the cards of all styles by name: those of this version, and before them what a manifest says in `records`.

    What a later version may say of a style is left out.
    """
    names = {field.name for field in fields(StyleCard)}
    stated = [StyleCard(**{name: record[name] for name in names & record.keys()}) for record in records]
    return {name: registered.card for name, registered in STYLES.items()} | {card.name: card for card in stated}


# --- where scales end ------------------------------------------------------------------------------


def percentile(values: np.ndarray, q: float) -> float:
    """Return the `q`-th percentile, and the maximum where that is zero."""
    values = values.ravel()
    place = (len(values) - 1) * q / 100  # in order of size; between two values it is in proportion
    tail = _largest(values, len(values) - math.floor(place))
    place -= len(values) - len(tail)
    first = math.floor(place)
    low, high = np.partition(tail, [first, min(first + 1, len(tail) - 1)])[[first, min(first + 1, len(tail) - 1)]]
    between = float(low) + (float(high) - float(low)) * (place - first)
    return between if between != 0 else float(values.max())


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return those of many values (n,) that may be the `count` largest: at least so many, above a threshold from a
    sample.
    """
    if len(values) < 2**14:
        return values
    sample = values[:: len(values) // 2**11]
    keep = min(len(sample), 2 * math.ceil(count * len(sample) / len(values)) + 16)
    tail = values[values >= np.partition(sample, -keep)[-keep]]
    return tail if len(tail) >= count else values


def _of_sizes(q: float) -> Callable[[np.ndarray], float]:
    return lambda values: percentile(np.abs(values), q)


def _of_positive(values: np.ndarray) -> float:
    """Return the 99th percentile, and the maximum where that is the smallest value."""
    limit = percentile(values, 99.0)
    return limit if limit > values.min() else float(values.max())


# --- styles ---------------------------------------------------------------------------------------


@style(
    "sprite",
    look="sprite",
    values="channels",
    ramp="by sign",
    zero_white=True,
    reads="channels",
    difference="signed",
    axes=3,
    pairs=True,
)
def sprite(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return all channels as tiles of one picture, white to dark green, or purple, white, green where values are
    signed.
    """
    if "codes" not in arrays:
        return probabilities(arrays, meta, photo, limit)
    codes = arrays["codes"]  # (K, h, w)
    signed = meta["signed"]
    gap = GAP if codes.shape[1] * codes.shape[2] > 1 else 0
    factor = enlargement(codes.shape, gap, SMALLEST)
    tiles = codes.repeat(factor, 2).repeat(factor, 1) if factor > 1 and gap else codes
    board, columns, rows = mosaic(tiles, gap, blank=0 if signed else 255)
    board = board if gap else enlarge(board, factor)  # at once, where nothing lies between the tiles
    layout: dict[str, Any] = {"channels": len(codes), "columns": columns, "rows": rows, "gap": gap, "factor": factor}
    layout |= {"tile": [codes.shape[2] * factor, codes.shape[1] * factor], "reduced": meta["reduced"]}
    palette = SIGNED if signed else GREENS
    files = {"file": (".png", indexed_png(board, palette, smooth=signed and gap > 0))}
    if len(files["file"][1]) > 4096:  # a corner at its true size says more than a whole sprite shrunk to grain
        files["thumb"] = (".png", indexed_png(board[:THUMB, :THUMB], palette, smooth=signed and gap > 0))
    return Picture(files, board.shape[1], board.shape[0], tuple(meta["scale"]), meta["clipped"], layout)


def probabilities(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return the class probabilities as bars, the ten largest from the top; their names are in `meta["names"]`."""
    values = arrays["map"][0]
    order = np.argsort(-values, kind="stable")[:10]
    names = meta.get("names", {})
    board = bars([str(names.get(str(index), f"class {index}")) for index in order], values[order])
    files = {"file": (".png", indexed_png(board, GREENS))}
    return Picture(files, board.shape[1], board.shape[0], (0.0, 1.0))


@style(
    "colour",
    limit=_of_sizes(99.9),
    ramp="colour",
    reads="colours",
    difference="colour",
    axes=4,
    pairs=True,
    counts="size",
)
def colour(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return a signed value for each colour channel: zero is always the same mid-grey."""
    values = finite(arrays["map"])[0]  # (C, H, W)
    limit = own_limit("colour", arrays) or 0.0 if limit is None else limit
    unit = 0.5 + 0.5 * np.clip(values / limit, -1, 1) if limit else np.full(values.shape, 0.5, np.float32)
    return rgb_picture(unit, (-limit, limit), float((np.abs(values) > limit).mean()))


@style("classic", ramp="colour", reads="colours", difference="colour", axes=4)
def classic(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """From the smallest to the largest value over all colour channels jointly."""
    values = finite(arrays["map"])[0]
    low, high = float(values.min()), float(values.max())
    unit = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5, np.float32)
    return rgb_picture(unit, (low, high), 0.0)


@style(
    "grey",
    limit=_of_positive,
    ramp="grey",
    reads="between",
    difference="signed",
    axes=3,
    pairs=True,
    counts="value",
)
def grey(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return a quantity that is never negative: black for its smallest value, white from its 99th percentile on."""
    values = finite(arrays["map"])[0]
    low = float(meta.get("floor", values.min()))  # beside another network's picture both begin at one value
    high = own_limit("grey", arrays) or 0.0 if limit is None else limit
    codes = to_codes((values - low) / (high - low)) if high > low else np.zeros(values.shape, np.uint8)
    return _one_quantity(codes, GREYS, (low, high), float((values > high).mean()))


@style(
    "signed",
    limit=_of_sizes(99.5),
    ramp="signed",
    zero_white=True,
    reads="signed",
    difference="signed",
    axes=3,
    pairs=True,
    counts="value",
)
def signed(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return a signed quantity: purple, white, green, white always zero."""
    values = finite(arrays["map"])[0]
    limit = own_limit("signed", arrays) or 0.0 if limit is None else limit
    codes = _signed_codes(values, limit)
    return _one_quantity(codes, SIGNED, (-limit, limit), float((np.abs(values) > limit).mean()))


@style(
    "overlay",
    limit=lambda values: float(values.max()),
    ramp="heat",
    over_photo=True,
    reads="between",
    reads_from="map",
    difference="signed",
    axes=3,
    pairs=True,
    counts="value",
)
def overlay(arrays: Arrays, meta: Mapping, photo: np.ndarray, limit: float | None) -> Picture:
    """Return a class activation map over the photo: bilinear between the layer's cells, whose grid shows where few."""
    values = finite(arrays["map"])[0]  # (h, w)
    limit = own_limit("overlay", arrays) or 0.0 if limit is None else limit
    unit = np.clip(values / limit, 0, 1) if limit else np.zeros(values.shape, np.float32)
    image = over_photo(unit, photo)
    tile = indexed_png(to_codes(unit), HEAT)
    return photographic(image, (0.0, limit), {"map": (".png", tile)})


@style("strip", look="strip")
def strip(arrays: Arrays, meta: Mapping, photo: np.ndarray, limit: float | None) -> Picture:
    """Several maps over the photo side by side, each divided by its own maximum."""
    tiles = []
    for index in range(len(arrays)):
        values = finite(arrays[f"map{index}"])[0]
        top = float(values.max())
        tiles.append(over_photo(values / top if top > 0 else np.zeros_like(values), photo))
    height, width = tiles[0].shape[:2]
    scale = 160 / height
    size = (round(width * scale), 160)
    board = Image.new("RGB", (len(tiles) * (size[0] + 4) - 4, size[1]), (255, 255, 255))
    for index, tile in enumerate(tiles):
        board.paste(Image.fromarray(tile).resize(size, Image.Resampling.BILINEAR), (index * (size[0] + 4), 0))
    layout = layout_of((len(tiles), *size[::-1]), len(tiles), 1, 4, 1)
    picture = Picture({"file": (".webp", webp(board))}, board.width, board.height, sprite=layout)
    return picture


@style("photo", look="photo", described=False)
def photograph(arrays: Arrays, meta: Mapping, photo: np.ndarray, limit: float | None) -> Picture:
    """Return the network's input as a picture, its normalisation undone."""
    factor = factor_for(*photo.shape[:2])
    image = to_rgb(photo)
    return photographic(enlarge(image, factor), (0.0, 255.0), {}, lossless=factor > 1)


@style("filters", look="sprite", kernels=True, ramp="signed", zero_white=True, described=False)
def kernels(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return the kernels of a convolution (K, C, kh, kw): colour tiles for three input channels, else the strongest
    slices.
    """
    weight = finite(arrays["map"])
    limit = float(np.abs(weight).max())
    if weight.shape[1] == 3:
        unit = 0.5 + 0.5 * weight / limit if limit else np.full(weight.shape, 0.5, np.float32)
        board, columns, rows = colour_mosaic(to_codes(unit), GAP, blank=255)
        encode: Callable[[np.ndarray], bytes] = png
        shown = np.arange(len(weight))
    else:
        outputs, inputs = strongest(weight, 32)
        slices = weight[outputs][:, inputs].reshape(-1, *weight.shape[2:])
        board, columns, rows = mosaic(_signed_codes(slices, limit), GAP, blank=0, columns=len(inputs))
        encode, shown = partial(indexed_png, palette=SIGNED), outputs
    factor = max(2, factor_for(*board.shape[:2]))
    layout = layout_of((rows * columns, *weight.shape[2:]), columns, rows, GAP, factor) | {"shown": shown.tolist()}
    height, width = board.shape[:2]
    files = {"file": (".png", encode(enlarge(board, factor)))}
    return Picture(files, width * factor, height * factor, (-limit, limit), sprite=layout)


@style("units", look="sprite")
def units(arrays: Arrays, meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Signed colour pictures (K, C, H, W) as tiles, each on its own scale and cut to the place where it is not zero."""
    tiles = cut(finite(arrays["map"]))
    ends = np.array([percentile(np.abs(tile), 99.9) or 1.0 for tile in tiles]).reshape(-1, 1, 1, 1)
    codes = to_codes(0.5 + 0.5 * np.clip(tiles / ends, -1, 1))
    codes = codes if codes.shape[1] == 3 else codes[:, :1].repeat(3, 1)
    shape = len(codes), *codes.shape[2:]
    factor = max(UNIT // max(shape[1:]), enlargement(shape, 4 * GAP, SMALLEST))
    codes = codes.repeat(factor, 2).repeat(factor, 3)
    board, columns, rows = colour_mosaic(codes, 4 * GAP, blank=255)
    picture = photographic(board, None, {}, lossless=factor > 1)
    picture.sprite = layout_of(codes.shape[:1] + codes.shape[2:], columns, rows, 4 * GAP, 1)
    picture.sprite |= {"factor": factor, "shown": list(meta.get("channels", range(len(codes))))}
    return picture


@style("patches", look="sprite")
def patches(arrays: Arrays, meta: Mapping, photo: Callable[[int], np.ndarray], limit: float | None) -> Picture:
    """Return the images that excite each channel most; `photo` gives the crop (H, W, C) uint8 of the image with a
    number.
    """
    board, layout = patch_board(arrays, meta, photo)
    picture = photographic(board, None, {})
    picture.sprite = layout
    return picture


def one_channel(values: np.ndarray, scale: tuple[float, float]) -> bytes:
    """Return one channel (h, w) of a layer as a PNG of its own size, on the scale of the layer's sprite."""
    if scale[0] < 0:
        return indexed_png(_signed_codes(finite(values), scale[1]), SIGNED)
    unit = np.clip(finite(values) / (scale[1] or 1.0), 0, 1)
    return indexed_png((unit * 254).round().astype(np.uint8), GREENS)


# --- arrays to arrays -------------------------------------------------------------------------------


def over_photo(unit: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Return a map (h, w) between 0 and 1 over a photo (H, W, C): (H', W', 3) uint8 with the longer side at least
    224.
    """
    height, width = (side * factor_for(*photo.shape[:2]) for side in photo.shape[:2])
    base = Image.fromarray(to_rgb(photo)).resize((width, height), Image.Resampling.BICUBIC)
    smooth = Image.fromarray(unit.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    level = np.clip(np.asarray(smooth), 0, 1)
    below = np.asarray(base, np.float32)
    board = HEAT.astype(np.float32).take((level * 255 + 0.5).astype(np.uint8), 0)
    board -= below
    board *= (0.12 + 0.58 * level)[..., None]
    board += below
    board = (board + 0.5).astype(np.uint8)
    if max(unit.shape) < 8:
        for row in range(1, unit.shape[0]):
            _faint(board[row * height // unit.shape[0]])
        for column in range(1, unit.shape[1]):
            _faint(board[:, column * width // unit.shape[1]])
    return board


def _faint(line: np.ndarray) -> None:
    line[:] = (0.7 * line + 0.3 * 255).astype(np.uint8)


def _signed_codes(values: np.ndarray, limit: float) -> np.ndarray:
    if not limit:
        return np.full(values.shape, 128, np.uint8)
    return (128 + (np.clip(values / limit, -1, 1) * 127).round()).astype(np.uint8)


# --- arrays to files --------------------------------------------------------------------------------


def _one_quantity(codes: np.ndarray, palette: np.ndarray, scale: tuple[float, float], clipped: float) -> Picture:
    factor = factor_for(*codes.shape)
    board = enlarge(codes, factor)
    files = {"file": (".png", indexed_png(board, palette))}
    if len(files["file"][1]) > 8192:
        coloured = Image.fromarray(board)
        coloured.putpalette(palette.tobytes())
        small = coloured.convert("RGB").resize(thumb_size(board), Image.Resampling.BOX)
        files["thumb"] = (".webp", webp(small))
    return Picture(files, board.shape[1], board.shape[0], scale, clipped)
