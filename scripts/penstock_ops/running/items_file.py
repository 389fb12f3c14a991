"""The items of a run from a file, as lines: each an object or a text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.strict_json import canonical
from penstock.runs.rows import Row, item_in
from penstock_ops.terminal.faults import Misuse

#: Bytes of a CSV's field before the item's own limit is looked at: the library's is below that of an item.
_FIELD: Final = 2**31 - 1


def read_items(path: Path) -> Iterator[bytes]:
    """A canonical JSON line for each item. `.jsonl`: one a line; `.json`: a list; `.csv`: a row each, its
    header the fields; else a text a line. Raises Misuse that names the line."""
    number = 0
    try:
        for number, item in enumerate(_items(path)):
            line = canonical(item)
            item_in(line, number)
            yield line
    except BadMessage as error:
        raise Misuse(f"{path}: {error}") from None
    except OSError as error:
        raise Misuse(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise Misuse(f"{path} is not UTF-8: convert it.") from None
    except ValueError:
        raise Misuse(f"{path}: item {number + 1} cannot be read as JSON.") from None


def rows_of(lines: list[bytes]) -> list[Row]:
    """The items as the run will see them. Raises Misuse where two have one id."""
    rows = [item_in(line, number) for number, line in enumerate(lines)]
    if len({row.id for row in rows}) < len(rows):
        raise Misuse("Two items have the same `id`: give each its own, or none at all.")
    return rows


def _items(path: Path) -> Iterator[Any]:
    match path.suffix.lower():
        case ".json":
            whole = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(whole, list):
                raise Misuse(f"{path} must hold a list of items.")
            yield from whole
        case ".csv":
            csv.field_size_limit(_FIELD)
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file, restkey="more", restval="")
        case suffix:
            with path.open(encoding="utf-8") as file:
                for line in file:
                    if line.strip():
                        yield json.loads(line) if suffix in (".jsonl", ".ndjson") else line.rstrip("\r\n")
