"""The fonts of all figures: matplotlib's own, and for Korean, Chinese and Japanese those of the system."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache, lru_cache
from pathlib import Path

from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

FONT = "DejaVu Sans"  # comes with matplotlib, so figures are the same everywhere
SCRIPTS = {"Korean": "한글값학률", "Chinese": "中文步长", "Japanese": "あア学習率"}
"""Letters of each script, by which a font that has it is recognized."""
_LIKELY = (
    "droidsansfallback", "notosanscjk", "sourcehansans", "wqy", "nanum", "malgun", "pingfang", "hiragino",
    "applesdgothic", "yugothic", "msgothic", "msyh", "simhei", "ipa", "takao", "unfonts", "undotum", "cjk",
)  # fmt: skip
"""Parts of the file names of fonts to try first: a system may have thousands of fonts."""
# Dots an inch: fine enough that letters have the widths of their outlines
_FINE = 720
# Widths of a text: what it may be wider where its letters are moved to a screen's dots. Measured at 144 dots an inch,
# 5.5 to 10.5 points: 1.002 to 1.023
_HINTED = 1.025


@cache
def families() -> tuple[str, ...]:
    """Return the names of FONT and of the fewest further fonts of this system that draw SCRIPTS, if it has any."""
    missing, names = set(SCRIPTS), [FONT]
    for path in sorted(findSystemFonts(), key=_search_order):
        if not missing:
            break
        if drawn := {script for script in missing if _has_letters(path, SCRIPTS[script])}:
            missing -= drawn
            names.append(_register(path))
    return tuple(names)


def is_drawable(text: str) -> bool:
    """Return True if `families` together have every letter of the text."""
    fonts = [get_font(file) for file in _font_files()]
    return all(any(font.get_char_index(ord(letter)) for font in fonts) for letter in text)


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


def _search_order(path: str) -> tuple[int, str]:
    """Return the sort key of a font file: likely fonts come first, regular faces before bold and light ones."""
    name = Path(path).name.lower().replace("-", "").replace("_", "")
    likely = next((place for place, part in enumerate(_LIKELY) if part in name), len(_LIKELY))
    return 2 * likely + ("bold" in name or "light" in name or "thin" in name), path


def _has_letters(path: str, letters: str) -> bool:
    """Return True if the font file has all the letters, False also if it cannot be read."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return False
    usable = font.scalable and not font.family_name.startswith("Last Resort")
    return usable and all(font.get_char_index(ord(letter)) for letter in letters)


def _register(path: str) -> str:
    """Add a font file to matplotlib's list, and return the name under which matplotlib finds it."""
    fontManager.addfont(path)
    return fontManager.ttflist[-1].name


@cache
def _font_files() -> list[str]:
    """Return the paths of the font files of `families`."""
    return [findfont(FontProperties(family=name)) for name in families()]
