"""What a page is, and how it is drawn: everything escaped, nothing inline, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

#: Nothing but our own files is ever loaded, nothing inline runs, nobody frames a page.
SAFE: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Its own pages alone: a form says its origin only where a link would.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser gets."""

    body: bytes
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: SAFE)


class Wrong(Exception):
    """What was asked for cannot be shown; the sentence says why, and what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def drawn(template: str, status: int = 200, **told: Any) -> Page:
    """`template` filled with `told`; whole pages say who `asked`."""
    return Page(_environment.get_template(template).render({"asked": None} | told).encode(), status)


def gone_to(path: str) -> Page:
    """The browser goes on to `path`, which it may load again as often as it likes."""
    return Page(b"", 303, headers={**SAFE, "Location": path})


def _time(moment: datetime | str | None) -> str:
    if moment is None:
        return "–"
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _usd(usd: float | None) -> str:
    return "unknown" if usd is None else f"${usd:.6f}"


_environment = Environment(
    loader=PackageLoader(__package__ or "", "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"time": _time, "usd": _usd}
