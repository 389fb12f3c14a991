"""A feed's entries as items: whatever kind of feed, what an item says follows from its entry alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import FeedError
from penstock.feeds.entries import items_of
from tests.acceptance.penstock_command import ROOT

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><guid>urn:a</guid><title>A &amp; B</title><link>https://example.com/a</link>
<description>&lt;p&gt;One.&lt;/p&gt;&lt;script&gt;bad()&lt;/script&gt;&lt;p&gt;Two  words.&lt;/p&gt;
</description></item>
<item><guid>urn:a</guid><title>Again</title></item>
<item><link>https://example.com/c</link><description>Only a text</description></item>
<item><guid>urn:empty</guid></item>
</channel></rss>"""

ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><id>urn:b</id><title>A &amp; B</title><link href="https://example.com/a"/>
<summary>short</summary>
<content type="html">&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;Two words.&lt;/p&gt;</content></entry>
</feed>"""


def test_tags_are_taken_out_and_each_entry_is_there_once() -> None:
    first, second = items_of(RSS)
    assert (first["title"], first["text"]) == ("A & B", "One.\nTwo words.")
    assert second["text"] == "Only a text"
    assert second["title"] == ""


def test_rss_and_atom_say_the_same_of_an_entry() -> None:
    [atom] = items_of(ATOM)
    rss, _ = items_of(RSS)
    assert {name: atom[name] for name in ("title", "link", "text")} == {
        "title": "A & B",
        "link": "https://example.com/a",
        "text": "One.\nTwo words.",
    }
    assert rss["text"] == atom["text"]


def test_an_entry_is_the_same_item_whatever_stands_beside_it() -> None:
    today, tomorrow = (
        items_of((ROOT / "scripts" / "examples" / f"{day}.xml").read_bytes()) for day in ("today", "tomorrow")
    )
    assert [item for item in tomorrow if item in today] == today
    assert len(tomorrow) == len(today) + 2


@pytest.mark.parametrize("data", [b"", b"not a feed", b"<rss><channel></channel></rss>", b"\xff\xfe\x00"])
def test_what_is_no_feed_is_said(data: bytes) -> None:
    with pytest.raises(FeedError, match="no RSS or Atom feed"):
        items_of(data)


def test_a_body_that_reads_like_a_path_opens_no_file(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_bytes(ATOM)
    with pytest.raises(FeedError):
        items_of(str(tmp_path / "feed.xml").encode())
