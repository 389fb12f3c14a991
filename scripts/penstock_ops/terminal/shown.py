"""Text that others wrote, as a terminal may show it: nothing in it is obeyed.

A model's answer, a provider's error, an id can hold what a terminal takes for an order (ESC starts most of
them) and what rich takes for markup. Both are shown as they are.
"""

from __future__ import annotations

import re

#: The control characters C0 (but line feed and tab), DEL and C1; and what turns the direction of the text
#: around it (Unicode Standard Annex 9), with which one name can be made to look like another.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""`text` with every order to the terminal spelled out: ESC is `\x1b`. Only line feeds end lines."""
    return _ORDERS.sub(_spelled, text.replace("\r\n", "\n"))


def shown(text: str) -> str:
    """`text` within rich's markup: printable, and none of it taken for markup."""
    from rich.markup import escape

    return escape(printable(text))


def spelled_in_json(text: str) -> str:
    r"""JSON `text` with the same characters as `\u001b`: equal JSON, but harmless on a terminal."""
    return _ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _spelled(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
