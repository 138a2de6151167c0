"""Figures as dots, in few colors: small PNG and GIF files."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

# Colors: as many as a palette has. Measured, a PNG of paths: 43 kB, all colors 400 kB; lines keep their colors within
# 1 of 255, with the median cut of 64 colors 46
COLORS = 256


def render(figure: Figure, dpi: int) -> FigureCanvasAgg:
    """Draw a figure at a resolution in dots per inch, and return its canvas."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def image_of(canvas: FigureCanvasAgg) -> Image.Image:
    """Return the picture that a canvas shows now, RGB."""
    return Image.fromarray(np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]))


def quantized(picture: Image.Image) -> Image.Image:
    """Return the picture with a palette, a third of the size or less; the color of its first pixel stays exact.

    An octree keeps the colors of thin lines, which the median cut takes for each other.
    """
    few = picture.quantize(COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette, corner = few.getpalette() or [], few.getpixel((0, 0))
    palette[3 * corner : 3 * corner + 3] = picture.getpixel((0, 0))
    few.putpalette(palette)
    return few
