"""Many small pictures as one board, and which of them to show."""

from __future__ import annotations

import math

import numpy as np


def mosaic(tiles: np.ndarray, gap: int, blank: int, columns: int = 0) -> tuple[np.ndarray, int, int]:
    """Tiles (K, h, w) as one board (H, W), with how many columns and rows it has."""
    count, height, width = tiles.shape
    columns = columns or _columns(count)
    rows = math.ceil(count / columns)
    board = np.full((rows, height + gap, columns, width + gap), blank, tiles.dtype)
    full, rest = divmod(count, columns)
    board[:full, :height, :, :width] = tiles[: full * columns].reshape(full, columns, height, width).swapaxes(1, 2)
    if rest:
        board[full, :height, :rest, :width] = tiles[full * columns :].swapaxes(0, 1)
    board = board.reshape(rows * (height + gap), columns * (width + gap))
    return board[: board.shape[0] - gap, : board.shape[1] - gap], columns, rows


def enlargement(shape: tuple[int, int, int], gap: int, smallest: int) -> int:
    """By which whole number tiles (K, h, w) grow so that the longer side of their mosaic has `smallest` pixels."""
    count, height, width = shape
    columns = _columns(count)
    sides = ((math.ceil(count / columns), height), (columns, width))
    return max(1, min(math.ceil(((smallest + gap) / number - gap) / side) for number, side in sides))


def colour_mosaic(tiles: np.ndarray, gap: int, blank: int) -> tuple[np.ndarray, int, int]:
    """Return the same for tiles (K, 3, h, w), as one board (H, W, 3)."""
    boards = [mosaic(tiles[:, channel], gap, blank) for channel in range(3)]
    return np.stack([board for board, _, _ in boards], -1), *boards[0][1:]


def enlarge(board: np.ndarray, factor: int) -> np.ndarray:
    """Return every pixel as a square of `factor` pixels a side."""
    return board if factor == 1 else board.repeat(factor, 0).repeat(factor, 1)


def cut(pictures: np.ndarray) -> np.ndarray:
    """Windows (K, C, h, w) of one size out of pictures (K, C, H, W), each around what is not zero."""
    there = np.abs(pictures).max(1) > 0  # (K, H, W)
    windows = []
    for axis in (2, 1):  # what is left of an axis when the other one is gone: rows, then columns
        used = there.any(axis)
        first, last = used.argmax(1), used.shape[1] - 1 - used[:, ::-1].argmax(1)
        size = int((last - first).max()) + 1
        start = np.clip((first + last + 1 - size) // 2, 0, used.shape[1] - size)
        windows.append([slice(int(at), int(at) + size) for at in start])
    return np.stack([picture[:, rows, columns] for picture, rows, columns in zip(pictures, *windows, strict=True)])


def strongest(weight: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Output channels and input channels with the largest norms, in their own order."""
    squares = (weight.astype(np.float64) ** 2).sum((2, 3))
    outputs = np.sort(np.argsort(-squares.sum(1), kind="stable")[:most])
    inputs = np.sort(np.argsort(-squares.sum(0), kind="stable")[:most])
    return outputs, inputs


def _columns(count: int) -> int:
    """As many columns as make the board square or twice as wide as high."""
    root = math.sqrt(count)
    return 2 ** math.ceil(math.log2(root)) if count & (count - 1) == 0 else math.ceil(root * 1.2)
