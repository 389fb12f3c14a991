"""The nearest by the cosine of two vectors: every candidate is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import mul
from typing import Any

from google.cloud.firestore_v1.types import Document, StructuredQuery

from tests.servers.firestore_wire.documents import Stored
from tests.servers.firestore_wire.names import field_path
from tests.servers.firestore_wire.refused import invalid, only, unknown
from tests.servers.firestore_wire.values import value_at, vector_of

_Document = Document.pb()


def nearest(candidates: Sequence[Stored], asked: Any) -> list[Stored]:
    """As many of `candidates` as `asked`, a FindNearest, wants, the nearest first. Raises Refused."""
    only(asked, "vector_field", "query_vector", "distance_measure", "limit", "distance_result_field")
    if asked.distance_measure != StructuredQuery.FindNearest.DistanceMeasure.COSINE:
        raise unknown("distance but the cosine's")
    if not (wanted := vector_of(asked.query_vector.map_value.fields)):
        raise invalid("what the nearest are asked of is no vector")
    measured = sorted(_measured(candidates, asked, wanted[0]), key=lambda pair: pair[0])
    return [_told(stored, asked, distance) for distance, stored in measured[: asked.limit.value]]


def _measured(
    candidates: Sequence[Stored], asked: Any, wanted: Sequence[float]
) -> Iterator[tuple[float, Stored]]:
    field = field_path(asked.vector_field.field_path)
    for stored in candidates:
        value = value_at(stored.document.fields, field)
        for numbers in [] if value is None else vector_of(value.map_value.fields):
            if len(numbers) == len(wanted) and any(numbers):
                yield 1.0 - _cosine(numbers, wanted), stored


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return float(sum(map(mul, one, other)) / (math.hypot(*one) * math.hypot(*other)))


def _told(stored: Stored, asked: Any, distance: float) -> Stored:
    """The document with its distance, where that is asked for."""
    if not asked.distance_result_field:
        return stored
    told = _Document()
    told.CopyFrom(stored.document)
    told.fields[asked.distance_result_field].double_value = distance
    return Stored.of(told)
