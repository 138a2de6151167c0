"""The fonts of all figures: matplotlib's own, and for Korean, Chinese and Japanese those of the system."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

FONT = "DejaVu Sans"  # comes with matplotlib, so figures are the same everywhere
SCRIPTS = {"Korean": "한글값학률", "Chinese": "中文步长", "Japanese": "あア学習率"}
"""Letters of each script, by which a font that has it is recognized."""
_LIKELY = (
    "droidsansfallback", "notosanscjk", "sourcehansans", "wqy", "nanumgothic", "nanum", "malgun", "pingfang",
    "hiragino", "applesdgothic", "yugothic", "msgothic", "msyh", "simhei", "ipa", "takao", "unfonts", "undotum", "cjk",
)  # fmt: skip
"""Parts of the file names of fonts to try first: a system may have thousands of fonts."""


# Dots an inch: fine enough that letters have the widths of their outlines
_FINE = 720
# Widths of a text: what it may be wider where its letters are moved to a screen's dots. Measured at 144 dots an inch,
# 5.5 to 10.5 points: 1.002 to 1.023
_HINTED = 1.025


@lru_cache(maxsize=1)
def families() -> tuple[str, ...]:
    """Return FONT and the fewest further fonts of this system that together draw SCRIPTS, as far as it has any."""
    missing, chosen = set(SCRIPTS), [FONT]
    for path in sorted(findSystemFonts(), key=_order):
        if not missing:
            break
        if drawn := {script for script in missing if _covers(path, SCRIPTS[script])}:
            missing -= drawn
            chosen.append(_known(path))
    return tuple(chosen)


def drawable(text: str) -> bool:
    """Return True where `families` have every letter of the text."""
    return all(any(font.get_char_index(ord(letter)) for font in _fonts()) for letter in text)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Return the width in inches of `text` at `size` points, in the fonts that draw it."""
    font = _chain()
    font.set_size(size, _FINE)
    font.set_text(text, flags=LoadFlags.NO_HINTING)
    return _HINTED * font.get_width_height()[0] / 64 / _FINE


def fitting(text: str, size: float, room: float) -> str:
    """Return the text cut to `room` inches at `size` points, with "…" at the cut; the whole text where it fits."""
    if text_width(text, size) <= room:
        return text
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if text_width(text[:middle] + " …", size) <= room else (low, middle)
    return text[:low].rstrip() + " …"


def _order(path: str) -> tuple[int, str]:
    """Return the sort key of a font file: likely fonts come first, regular faces before bold and light ones."""
    name = Path(path).name.lower().replace("-", "").replace("_", "")
    likely = next((place for place, part in enumerate(_LIKELY) if part in name), len(_LIKELY))
    return 2 * likely + ("bold" in name or "light" in name or "thin" in name), path


def _covers(path: str, letters: str) -> bool:
    """Return True where the font file has all the letters; False where it cannot be read."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return False
    if not font.scalable or font.family_name.startswith("Last Resort"):
        return False
    return all(font.get_char_index(ord(letter)) for letter in letters)


def _known(path: str) -> str:
    """Return the name under which matplotlib finds a font file, which is added to matplotlib's list if it is new."""
    known = next((each.name for each in fontManager.ttflist if Path(each.fname) == Path(path)), None)
    if known is None:
        fontManager.addfont(path)
        known = next(each.name for each in fontManager.ttflist if Path(each.fname) == Path(path))
    return known


@lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    return tuple(findfont(FontProperties(family=name)) for name in families())


def _fonts() -> list[FT2Font]:
    return [get_font(file) for file in _files()]


def _chain() -> FT2Font:
    """One font that falls back to the others, as text is drawn."""
    return get_font(list(_files()))
