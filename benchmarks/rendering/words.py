"""How numbers and enumerations are written in tables and sentences."""

from math import isnan


def joined(words):
    """Return words as an enumeration, of three or more with semicolons where a comma and a space stand in one.

    >>> joined(["a"]), joined(["a", "b", "c"]), joined(["a, b", "c", "d"])
    ('a', 'a, b and c', 'a, b; c; and d')
    """
    if len(words) == 1:
        return words[0]
    comma, last = ("; ", "; and ") if len(words) > 2 and any(", " in word for word in words) else (", ", " and ")
    return f"{comma.join(words[:-1])}{last}{words[-1]}"


def tie(names):
    """Return the names of rows that share a place.

    >>> tie(["a"]), tie(["a + c", "b"])
    ('a', 'a + c and b (tied)')
    """
    return joined(names) + (" (tied)" if names[1:] else "")


def plus_minus(error, decimals=2):
    """Return a standard error as tables show it beside its mean, also where there is none.

    >>> plus_minus(0.123), plus_minus(1.2), plus_minus(float("nan"))
    (' ±.12', ' ±1.20', ' ±–')
    """
    return " ±–" if isnan(error) else f" ±{f'{error:.{decimals}f}'.removeprefix('0')}"


def few(n, protocol, most):
    """Return the mark of an entry with `n` draws, where the protocol gives its row `protocol` and others `most`.

    >>> few(3, 10, 10), few(3, 3, 10), few(2, 3, 10), few(10, 10, 10)
    (' (3/10)', ' (3)', ' (2/3)', '')
    """
    if n < protocol:
        return f" ({n}/{protocol})"
    return f" ({n})" if n < most else ""


def signed(value):
    """Return a difference as tables show it, with a minus that is no hyphen.

    >>> signed(0.123), signed(-1.2)
    ('+0.12', '−1.20')
    """
    return f"{value:+.2f}".replace("-", "−")


def p_text(p):
    """Return a p-value as tables show it.

    >>> p_text(0.00001), p_text(0.0312), p_text(1.0)
    ('< 0.001', '0.031', '1.000')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
