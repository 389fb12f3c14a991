"""Writes as Firestore's protobuf: what a message must say explicitly, and what cannot be said in one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore_v1.types import Write as WireWrite

from penstock.adapters.stores import firestore_codec as codec
from penstock.adapters.stores.firestore_writes import encode_write
from penstock.errors import WriteRefused
from penstock.ports import REMOVE, Create, Fields, Increment, Merge, Put, Update, Write

ROOT = "projects/p/databases/(default)/documents"


def encoded(write: Write) -> Any:
    """The write as it arrives."""
    wire = WireWrite.pb()()
    encode_write(wire, ROOT, write)
    return WireWrite.pb().FromString(wire.SerializeToString())


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        0,
        False,
        0.0,
        b"",
        [],
        {},
        datetime(1970, 1, 1, tzinfo=UTC),
        [[], {}, None],
        {"a": {"b": []}},
    ],
    ids=repr,
)
def test_what_is_empty_keeps_its_kind(value: object) -> None:
    fields = encoded(Put("a/b", {"f": value})).update.fields
    [decoded] = codec.decode_fields(fields).values()
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize("write", [Merge("a/b", {"n": Increment(1)}), Update("a/b", {"n": Increment(1)}, 5)])
def test_a_write_that_only_increments_replaces_nothing(write: Write) -> None:
    wire = encoded(write)
    assert wire.HasField("update_mask")
    assert list(wire.update_mask.field_paths) == []
    assert [(step.field_path, step.increment.integer_value) for step in wire.update_transforms] == [("n", 1)]


def test_a_removed_field_is_in_the_mask_alone() -> None:
    wire = encoded(Update("a/b", {"old": REMOVE, "new": 1}, 3_000_000_007))
    assert list(wire.update_mask.field_paths) == ["old", "new"]
    assert list(wire.update.fields) == ["new"]
    assert codec.version_of(wire.current_document.update_time) == 3_000_000_007


@pytest.mark.parametrize("kind", [Create, Put, Merge])
@pytest.mark.parametrize(
    "fields",
    [
        {"f": 2**63},
        {"f": "\ud800"},
        {"f": datetime(2026, 1, 1)},  # noqa: DTZ001  # on purpose without a zone
        {"f": object()},
        {"f": [{"g": {1}}]},
        {"f": {"\ud800": 1}},
    ],
    ids=["beyond 64 bits", "a lone surrogate", "no time zone", "a foreign type", "a set", "a name"],
)
def test_a_value_that_no_document_can_hold_is_refused_by_its_field(kind: Any, fields: Fields) -> None:
    with pytest.raises(WriteRefused, match="a/b: field 'f': "):
        encoded(kind("a/b", fields))


@pytest.mark.parametrize("kind", [Create, Put, Merge])
def test_a_name_that_is_no_text_is_refused(kind: Any) -> None:
    with pytest.raises(WriteRefused, match=r"a/b: field '\\ud800': "):
        encoded(kind("a/b", {"\ud800": 1}))


def test_a_step_out_of_64_bits_is_refused() -> None:
    with pytest.raises(WriteRefused, match="a/b: field 'n': "):
        encoded(Merge("a/b", {"n": Increment(2**63)}))
