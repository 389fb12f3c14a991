"""A feed's entries as the items of a run: RSS and Atom alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

from penstock.errors import FeedError

#: Tags after which a text goes on in a new line; and those whose text nobody reads.
_BREAKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"})
_UNREAD = frozenset({"script", "style"})


def items_of(data: bytes) -> list[dict[str, str]]:
    """Each entry once, in the feed's order: id, title, link and text, its tags taken out.

    What an item says follows from the entry alone, so that tomorrow's run asks the same about it. Raises
    FeedError where there is no feed in it, or none with a text.
    """
    try:
        import feedparser  # type: ignore[import-untyped]  # it publishes no types
    except ModuleNotFoundError:
        raise FeedError("Reading a feed needs feedparser: pip install 'penstock[feeds]'.") from None
    # A stream: bytes would be tried as a file's name first.
    read = feedparser.parse(BytesIO(data))
    items: dict[str, dict[str, str]] = {}
    for item in _items(read.entries):
        items.setdefault(item["id"], item)
    if not items:
        raise FeedError("There is no RSS or Atom feed with an entry in it.")
    return list(items.values())


def _items(entries: list[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for entry in entries:
        title, text = _plain(entry.get("title", "")), _plain(_body(entry))
        if title or text:
            named = entry.get("id") or entry.get("link") or f"{title}\n{text}"
            digest = hashlib.sha256(str(named).encode()).hexdigest()[:24]
            yield {"id": digest, "title": title, "link": str(entry.get("link", "")), "text": text or title}


def _body(entry: Mapping[str, Any]) -> str:
    """The whole text where the feed has it, else its summary."""
    whole = [str(part.get("value", "")) for part in entry.get("content", [])]
    return max((*whole, str(entry.get("summary", ""))), key=len)


def _plain(html: str) -> str:
    text = _Text()
    text.feed(html)
    text.close()
    lines = (re.sub(r"\s+", " ", line).strip() for line in "".join(text.said).splitlines())
    return "\n".join(line for line in lines if line)


class _Text(HTMLParser):
    """What a reader sees of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        if tag in _BREAKS:
            self.said.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD and self._unread > 0
        if tag in _BREAKS:
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.said.append(data)
