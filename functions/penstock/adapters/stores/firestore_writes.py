"""The five kinds of write as Firestore's protobuf."""

from __future__ import annotations

import re
from typing import Any

from google.cloud.firestore_v1.types import DocumentTransform

from penstock.adapters.stores import firestore_codec as codec
from penstock.errors import WriteRefused
from penstock.ports import (
    REMOVE,
    Create,
    Delete,
    Increment,
    InOrder,
    Maximum,
    Merge,
    Put,
    ServerTime,
    Transform,
    Update,
    Write,
)

_REQUEST_TIME = DocumentTransform.FieldTransform.ServerValue.REQUEST_TIME
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def encode_write(target: Any, root: str, write: Write) -> list[str]:
    """Fill `target`, an empty Write message; `root` is `projects/…/databases/…/documents`.

    Returns the field of every transform, in the order of the results that the answer will hold.
    Raises WriteRefused.
    """
    name = f"{root}/{write.path}"
    if isinstance(write, Delete):
        target.delete = name
        return []
    target.update.name = name
    if isinstance(write, Create):
        target.current_document.exists = False
    elif isinstance(write, Update):
        codec.encode_version(target.current_document.update_time, write.version)
    if isinstance(write, Create | Put):
        return _encode_fields(target, write, None)
    target.update_mask.SetInParent()  # without a mask, the whole document would be replaced
    return _encode_fields(target, write, target.update_mask.field_paths)


def _encode_fields(target: Any, write: Create | Put | Update | Merge, mask: Any) -> list[str]:
    """The write's fields. With a mask it touches the named ones alone: in it but not in the document means
    removed."""
    fields = target.update.fields
    transformed: list[str] = []
    for key, value in write.fields.items():
        try:
            if isinstance(value, Transform):
                transformed += _encode_transform(target.update_transforms, key, value)
                continue
            if mask is not None:
                mask.append(field_path(key))
                if value is REMOVE:
                    continue
            codec.encode(fields[key], value)
        except codec.UNENCODABLE as error:
            raise codec.refusal(write.path, key, error) from None
    return transformed


def _encode_transform(transforms: Any, key: str, value: Transform) -> list[str]:
    steps = value.steps if isinstance(value, InOrder) else (value,)
    for step in steps:
        transform = transforms.add(field_path=field_path(key))
        match step:
            case Increment():
                codec.encode(transform.increment, step.by)
            case Maximum():
                codec.encode(transform.maximum, step.least)
            case ServerTime():
                transform.set_to_server_value = _REQUEST_TIME
    return [key] * len(steps)


def field_path(name: str) -> str:
    """A top-level field's name as a path: quoted wherever it is not a plain identifier."""
    if not name:
        raise WriteRefused("a field needs a name")
    if _SIMPLE.match(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
