"""The five kinds of write as Firestore's protobuf."""

from __future__ import annotations

import re
from typing import Any

from google.cloud.firestore_v1.types import DocumentTransform
from google.cloud.firestore_v1.types import Write as WireWrite

from penstock.errors import WriteRefused
from penstock.ports import REMOVE, Create, Delete, Fields, Increment, Merge, Put, Update, Write
from penstock.stores import firestore_codec as codec

_Wire = WireWrite.pb()
_Transform = DocumentTransform.FieldTransform.pb()
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def encode_write(root: str, write: Write) -> Any:
    """One Write message; `root` is `projects/…/databases/…/documents`. Raises WriteRefused."""
    name = f"{root}/{write.path}"
    match write:
        case Delete():
            return _Wire(delete=name)
        case Create():
            return _Wire(update=_document(name, write.path, write.fields), current_document={"exists": False})
        case Put():
            return _Wire(update=_document(name, write.path, write.fields))
        case Merge():
            return _masked(name, write)
        case Update():
            return _masked(name, write, current_document={"update_time": codec.stamp_of(write.version)})


def _document(name: str, path: str, fields: Fields) -> dict[str, Any]:
    return {"name": name, "fields": codec.encode_fields(path, fields)}


def _masked(name: str, write: Update | Merge, **precondition: Any) -> Any:
    """A write that touches the named fields alone: in the mask but not in the document means removed."""
    increments = {key: value for key, value in write.fields.items() if isinstance(value, Increment)}
    mask = [key for key in write.fields if key not in increments]
    kept = {key: write.fields[key] for key in mask if write.fields[key] is not REMOVE}
    return _Wire(
        update=_document(name, write.path, kept),
        update_mask={"field_paths": [field_path(key) for key in mask]},
        update_transforms=[
            _Transform(field_path=field_path(key), increment=_step(write.path, key, value))
            for key, value in increments.items()
        ],
        **precondition,
    )


def _step(path: str, key: str, value: Increment) -> Any:
    return codec.encode_fields(path, {key: value.by})[key]


def field_path(name: str) -> str:
    """A top-level field's name as a path: quoted wherever it is not a plain identifier."""
    if not name:
        raise WriteRefused("a field needs a name")
    if _SIMPLE.match(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
