"""A split's rows: one for each piece; no request is needed for them."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.runs.definition import Split
from penstock.runs.failing import TEMPLATE_ERROR, failed
from penstock.runs.rows import Row
from penstock.runs.split import split_item


def split_rows(rows: Iterable[Row], does: Split) -> list[Row]:
    """The pieces of each row in order; a row that cannot be split stays, failed."""
    return [piece for row in rows for piece in _pieces(row, does)]


def _pieces(row: Row, does: Split) -> list[Row]:
    try:
        items = split_item(row.item, does)
    except ValueError as error:
        return [failed(row, TEMPLATE_ERROR, str(error))]
    return [Row(f"{row.id}#{number}", item) for number, item in enumerate(items)]
