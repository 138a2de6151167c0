"""The fonts of all figures, and the widths of texts in them."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache, lru_cache

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.ft2font import LoadFlags

FONT = "DejaVu Sans"  # comes with matplotlib, so figures are the same everywhere
_ASIAN = (
    "Noto Sans CJK JP", "WenQuanYi Micro Hei", "Droid Sans Fallback", "Malgun Gothic", "Microsoft YaHei", "Yu Gothic",
    "Arial Unicode MS", "Apple SD Gothic Neo", "AppleGothic", "NanumGothic", "Noto Sans CJK KR", "Noto Sans KR",
)  # fmt: skip
FAMILIES = (FONT, *sorted({*_ASIAN} & {*fontManager.get_font_names()}))
"""FONT, and what matplotlib falls back on for letters that it lacks; without any, they are boxes."""
# Dots an inch: fine enough that letters have the widths of their outlines
_FINE = 720
# Widths of a text: what it may be wider where its letters are moved to a screen's dots. Measured at 144 dots an inch,
# 5.5 to 10.5 points: 1.002 to 1.023
_HINTED = 1.025


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Return the width in inches of `text` at `size` points, in the fonts that draw it."""
    font = get_font(_font_files())
    font.set_size(size, _FINE)
    font.set_text(text, flags=LoadFlags.NO_HINTING)
    return _HINTED * font.get_width_height()[0] / 64 / _FINE


def cut_to_width(text: str, size: float, inches: float) -> str:
    """Cut the text, with "…" at the cut, to that width at `size` points; return it whole if it fits.

    Math between two ``$`` stays whole or goes.
    """
    if text_width(text, size) <= inches:
        return text
    ends = [end for end in range(len(text)) if text[:end].count("$") % 2 == 0]
    count = bisect_right(ends, inches, key=lambda end: text_width(text[:end] + " …", size)) - 1
    return text[: ends[max(count, 0)]].rstrip(" ,") + " …"


def has_letters(text: str) -> bool:
    """Return whether the fonts of figures have every letter of the text."""
    found = [get_font(path) for path in _font_files()]
    return all(any(font.get_char_index(ord(letter)) for font in found) for letter in text)


@cache
def _font_files() -> list[str]:
    """Return the paths of the font files of FAMILIES."""
    return [findfont(FontProperties(family=name)) for name in FAMILIES]
