"""The numbers that the widgets of the lecture's page start from: Seattle's temperatures, and the optimizers' styles."""

from matplotlib.colors import to_hex

from optbench.claims import drawing
from optbench.lecture import c4_quiz, temperature

OPTIMIZERS = ("gd", "momentum", "rmsprop", "adam")
MARKS = {"o": "●", "s": "■", "D": "◆", "v": "▼"}
"""The figures' markers as characters."""


def numbers() -> dict:
    """Return what the page's script reads: `first`, a date; `temperatures`, degrees Celsius; and colors as "#rrggbb".

    colors, marks: by the name of the optimizer, those of every figure; quiz: colors by the beta of the path.
    """
    styles = drawing.find_styles(OPTIMIZERS)
    days = temperature.read_seattle()
    return {
        "first": f"{days['date'].iloc[0]:%Y-%m-%d}",
        "temperatures": days["temp_max"].tolist(),
        "colors": {name: to_hex(styles[name]["color"]) for name in OPTIMIZERS},
        "marks": {name: MARKS[styles[name]["marker"]] for name in OPTIMIZERS},
        "quiz": {
            f"{beta:g}": to_hex(color) for beta, color in zip(c4_quiz.KINDS.values(), drawing.INK[1:], strict=False)
        },
    }
