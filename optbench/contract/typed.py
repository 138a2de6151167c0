"""A name with parameters as it is typed -> a text that Python can read."""

import keyword
import re

from optbench.contract.errors import OptbenchError

_TEXT = r"[^\s,()\[\]{}'\"=]"
_ENDINGS = "csv|tsv|npz|parquet|svm|libsvm|gz|py|zip|xlsx?|jsonl?|txt|dat|data|arff|feather|h5|pkl"
_WORDS = "|".join(word for word in keyword.kwlist if word.islower())
# What stands in quotes is passed over; then a value that holds a slash, ends like a file, or is a grid; and words that
# Python reads as something else: utf-8, class (both are what a column or an encoding is called), ;
_PATH = re.compile(
    r"""'[^']*'|"[^"]*"|(?<==)\s*"""
    rf"(?P<path>{_TEXT}*[/\\]{_TEXT}*|{_TEXT}+\.(?i:{_ENDINGS})|[-+.\deE]+:[-+.\deE]+:\d+"
    rf"|[^\W\d]\w*(?:-\w+)+|{_WORDS}|[;|])(?=\s*[,)])"
)
# ``torch:AdamW`` is read as ``torch.AdamW``, which Python knows.
_LIBRARY = re.compile(r"""'[^']*'|"[^"]*"|\b(?P<library>torch|optax):(?=[A-Za-z_])""")
DOTTED = re.compile(r"^(torch|optax)\.")


def as_python(text: str) -> str:
    """The text with quotes around what Python would read as something else, and ``torch.AdamW`` for ``torch:AdamW``.

    Args:
        text: as it was typed.

    Returns:
        The text that is parsed; what stands in quotes already is as it was.
    """
    return _LIBRARY.sub(_with_dot, _PATH.sub(_quoted, text))


def _with_dot(match: re.Match) -> str:
    return f"{match['library']}." if match["library"] else match[0]


def _quoted(match: re.Match) -> str:
    return repr(match["path"]) if match["path"] else match[0]


def nameless(text: str) -> OptbenchError | None:
    """The error for a library without a name in it, ``torch:``.

    Args:
        text: as it was typed.

    Returns:
        The error; None for any other text.
    """
    head = text.strip().partition("(")[0].strip()
    example = {"torch:": "torch:AdamW", "torch.": "torch:AdamW", "optax:": "optax:adamw", "optax.": "optax:adamw"}
    return OptbenchError(f"{head} wants a name behind it, such as {example[head]}") if head in example else None
