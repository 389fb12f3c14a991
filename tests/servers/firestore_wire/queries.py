"""Queries: one collection or all of a name, by one field; found in its index, and counted there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.cloud.firestore_v1.types import StructuredQuery

from tests.servers.firestore_wire.documents import Database, Place
from tests.servers.firestore_wire.indexes import Index, Key
from tests.servers.firestore_wire.names import FieldPath, Path, document_path, field_path, path_below
from tests.servers.firestore_wire.refused import only, unknown
from tests.servers.firestore_wire.values import rank

_Operator = StructuredQuery.FieldFilter.Operator
#: The index by path alone.
_BY_NAME: FieldPath = ()
_NAME = "__name__"
_KNOWN = ("from_", "where", "order_by", "start_at", "limit", "find_nearest")

#: From where to before where the entries are that a filter lets through, of values that begin so.
_BOUNDS: dict[int, Callable[[Index, Key], tuple[int, int]]] = {
    _Operator.EQUAL: lambda index, value: (index.left(value), index.right(value)),
    _Operator.GREATER_THAN_OR_EQUAL: lambda index, value: (index.left(value), index.right(value[:1])),
    _Operator.GREATER_THAN: lambda index, value: (index.right(value), index.right(value[:1])),
    _Operator.LESS_THAN_OR_EQUAL: lambda index, value: (index.left(value[:1]), index.right(value)),
    _Operator.LESS_THAN: lambda index, value: (index.left(value[:1]), index.left(value)),
}


def found(database: Database, parent: str, query: Any) -> list[Path]:
    """The documents that `query` asks for, in its order; of one for the nearest, those to choose from.

    Raises Refused.
    """
    index, start, stop = _entries(database, parent, query)
    return list(index.paths(start, stop))


def counted(database: Database, parent: str, query: Any) -> int:
    """How many they are. Raises Refused."""
    _, start, stop = _entries(database, parent, query)
    return max(0, stop - start)


def _entries(database: Database, parent: str, query: Any) -> tuple[Index, int, int]:
    only(query, *_KNOWN)
    filters = _filters(query.where)
    index = _place(database, parent, query).index(_field(query, filters))
    start, stop = 0, len(index)
    for one in filters:
        low, high = _BOUNDS[one.op](index, _standing(one.value))
        start, stop = max(start, low), min(stop, high)
    if query.HasField("start_at"):
        start = max(start, _behind(index, query))
    if query.HasField("limit"):
        stop = min(stop, start + query.limit.value)
    return index, start, stop


def _place(database: Database, parent: str, query: Any) -> Place:
    above = path_below(parent)
    if len(query.from_) != 1 or (above and query.from_[0].all_descendants):
        raise unknown("query of several collections, or of all below a document")
    name = query.from_[0].collection_id
    return database.group(name) if query.from_[0].all_descendants else database.collection((*above, name))


def _filters(where: Any) -> Sequence[Any]:
    match where.WhichOneof("filter_type"):
        case None:
            return ()
        case "field_filter":
            filters: Sequence[Any] = [where.field_filter]
        case "composite_filter" if where.composite_filter.op == StructuredQuery.CompositeFilter.Operator.AND:
            filters = [one for part in where.composite_filter.filters for one in _filters(part)]
        case other:
            raise unknown(f"{other} of this kind")
    if any(one.op not in _BOUNDS for one in filters):
        raise unknown("filter but for one value or a range of them")
    return filters


def _field(query: Any, filters: Iterable[Any]) -> FieldPath:
    """The one field that all of the query is about; raises Refused where there are several."""
    if any(order.direction == StructuredQuery.Direction.DESCENDING for order in query.order_by):
        raise unknown("descending order")
    ordered = [order.field.field_path for order in query.order_by]
    if ordered[-1:] == [_NAME]:
        ordered.pop()
    said = {one.field.field_path for one in filters} | set(ordered)
    if len(said) > 1 or (not ordered and filters and len(query.order_by)):
        raise unknown("query by several fields")
    return field_path(said.pop()) if said else _BY_NAME


def _behind(index: Index, query: Any) -> int:
    """Where the cursor stands: before what it names, or behind."""
    prefix: Key = ()
    for order, value in zip(query.order_by, query.start_at.values, strict=False):
        is_name = order.field.field_path == _NAME
        prefix += (document_path(value.reference_value),) if is_name else _standing(value)
    return index.left(prefix) if query.start_at.before else index.right(prefix)


def _standing(value: Any) -> Key:
    standing = rank(value)
    if standing is None:
        raise unknown("query by a list or a map")
    return standing
