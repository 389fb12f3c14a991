"""A reduce's rows: each stands for a bundle that a request is made of, or is done already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from penstock.runs.definition import Reduce
from penstock.runs.failing import TEMPLATE_ERROR, TOO_LARGE, failed
from penstock.runs.reduce import Bundle, Filling, Input
from penstock.runs.rows import Row
from penstock.runs.template import MissingPath, look_up, shown

#: The group of a reduce without `by`.
_ALL: Final = "all"
#: How many items an answer stands for: a field of the item that a reduce makes.
_COUNT: Final = "count"


async def bundled(does: Reduce, level: int, rows: AsyncIterator[Row]) -> AsyncIterator[Row]:
    """The rows of a level: as few bundles as filling one after the other makes.

    Above the first level an input is an answer as it came, and one that finds no company is done.
    """
    filling = Filling(does.join, does.max_input_tokens)
    async for row in rows:
        for bundle in filling.add(_above(does, row) if level else _input(does, row)):
            yield _row(does, level, bundle)
    for bundle in filling.rest():
        yield _row(does, level, bundle)


def group_of(does: Reduce, row: Row) -> str:
    """The group of a row that `bundled` made."""
    return str(row.item.get(does.by, _ALL)) if does.by else _ALL


def values_of(does: Reduce, row: Row) -> Mapping[str, Any]:
    """What the request's template knows of a bundle."""
    return {"inputs": row.item["inputs"], "group": group_of(does, row)}


def reduced(does: Reduce, row: Row, answer: str) -> Row:
    """The row of a bundle with its answer."""
    item = {name: value for name, value in row.item.items() if name != "inputs"}
    return Row(row.id, {**item, does.ask.answer: answer}, None, row.member)


def _input(does: Reduce, row: Row) -> Input:
    """A row as the first level shows it."""
    try:
        group = _ALL if does.by is None else shown(look_up(row.item, (does.by,)), does.by)
        return Input(group, row, does.each.render({"item": row.item}))
    except MissingPath as missing:
        group = str(row.item.get(does.by or "", _ALL))
        return Input(group, row, "", 1, f"{missing} is missing in the item.")


def _above(does: Reduce, row: Row) -> Input:
    return Input(group_of(does, row), row, str(row.item[does.ask.answer]), row.item[_COUNT])


def _row(does: Reduce, level: int, bundle: Bundle) -> Row:
    first = bundle.inputs[0]
    if level and len(bundle.inputs) == 1:
        return first.row.settled_now()
    item: dict[str, Any] = {does.by: bundle.group} if does.by else {}
    row = Row(first.row.id, {**item, "inputs": bundle.joined(does.join), _COUNT: bundle.count})
    if not bundle.fault:
        return row
    return failed(row, TEMPLATE_ERROR if first.fault else TOO_LARGE, bundle.fault)
