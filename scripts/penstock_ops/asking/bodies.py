"""The requests in a file or on stdin. Lines stream: a file of them may be of any length."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from penstock_ops.asking.decoding import text_of
from penstock_ops.asking.found import Found, object_in
from penstock_ops.asking.json_place import after_space, members
from penstock_ops.asking.sources import Source, open_source
from penstock_ops.asking.text_lines import lines_of, whole_of
from penstock_ops.terminal.faults import Misuse

LINES = frozenset({".jsonl", ".ndjson", ".jsonlines", ".jl"})
TABLES = frozenset({".csv", ".tsv"})
#: How JSON begins that holds requests, well-formed or not: other text may begin with a bracket too.
_JSON = re.compile(r'\s*(\{\s*"|\[\s*\{)')
#: Two objects, a line each, even where the first is not whole.
_OBJECT_LINES = re.compile(r"\s*\{[^\n]*\n\s*\{")
_BYTE_ORDER_MARK = "\ufeff"


def read_requests(path: Path) -> Iterator[Found]:
    """What is in a file; `-` is stdin. Raises Misuse, also after some have come.

    `.jsonl`: one JSON object a line. `.json`: an object, a list of objects, or one a line. Without a suffix,
    as on stdin, the text decides. Else the text is one prompt. What is no JSON object comes as bytes.
    """
    with open_source(path) as source:
        empty = True
        for found in _requests(source):
            empty = False
            yield found
        if empty:
            raise Misuse(f"{source.name} is empty: there is nothing to publish.")


def _requests(source: Source) -> Iterator[Found]:
    name, suffix = source.name, source.suffix
    if suffix in TABLES:
        raise Misuse(
            f"{name} is a table, and what each row asks is not clear: make it .jsonl, one object a line, "
            f'such as {{"prompt": "…"}}. (To ask about the whole table: penstock publish - < {name})'
        )
    pieces = text_of(source)
    if suffix in LINES:
        return _of_lines(name, lines_of(name, pieces))
    if suffix in (None, "", ".json"):
        return _of_any(name, lines_of(name, pieces), must_be_json=suffix == ".json")
    return _of_text(name, whole_of(name, pieces))


def _of_lines(name: str, lines: Iterable[tuple[int, str]]) -> Iterator[Found]:
    for number, line in lines:
        text = line.removeprefix(_BYTE_ORDER_MARK)  # of a file that was put behind another one
        if text.strip():
            yield Found(object_in(text), name, text, end=len(text), line=number)


def _of_any(name: str, lines: Iterator[tuple[int, str]], *, must_be_json: bool) -> Iterator[Found]:
    """The first line tells whether it is one object a line; all else is looked at whole."""
    said = itertools.dropwhile(lambda line: not line[1].strip(), lines)
    number, first = next(said, (1, ""))
    if isinstance(_json_in(first), dict):
        yield from _of_lines(name, itertools.chain([(number, first)], said))
        return
    blank = "\n" * (number - 1)
    text = whole_of(name, itertools.chain([blank, first], ("\n" + line for _, line in said)))
    if _OBJECT_LINES.match(text):
        yield from _of_lines(name, lines_of(name, [text]))
    elif must_be_json or _JSON.match(text) or isinstance(_json_in(text), dict | list):
        yield from _of_json(name, text)
    else:
        yield from _of_text(name, text)


def _of_json(name: str, text: str) -> Iterator[Found]:
    if not text.strip():
        return
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise Misuse(f"{name}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}).") from None
    except (ValueError, RecursionError):
        raise Misuse(f"{name} is JSON that no request can be: too deep, or with too long a number.") from None
    start = after_space(text, 0)
    if isinstance(value, dict):
        yield Found(object_in(text), name, text, start, len(text))
        return
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Misuse(f'{name} must hold a request object such as {{"prompt": "…"}}, or a list of them.')
    for number, item in enumerate(members(text, start), 1):
        body = object_in(text[item.value : item.end])
        yield Found(body, f"{name}, item {number}", text, item.value, item.end)


def _of_text(name: str, text: str) -> Iterator[Found]:
    prompt = text.strip()
    if prompt:
        yield Found({"prompt": prompt}, name)


def _json_in(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
