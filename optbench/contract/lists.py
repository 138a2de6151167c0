"""Lists as they are typed: ``adam, clip(adam, norm=1)``."""


def split_list(text: str) -> list[str]:
    """Split ``a, b(x=1, y=2), c`` at the commas that stand outside brackets and quotes.

    Args:
        text: as it was typed.

    Returns:
        The parts, without blanks around them and without empty ones.
    """
    parts, depth, quote, start = [], 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]
