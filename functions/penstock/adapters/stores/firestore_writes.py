"""The five kinds of write as Firestore's protobuf."""

from __future__ import annotations

import re
from typing import Any

from penstock.adapters.stores import firestore_codec as codec
from penstock.errors import WriteRefused
from penstock.ports import REMOVE, Create, Delete, Increment, Merge, Put, Update, Write

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def encode_write(target: Any, root: str, write: Write) -> None:
    """Fill `target`, an empty Write message; `root` is `projects/…/databases/…/documents`.

    Raises WriteRefused.
    """
    name = f"{root}/{write.path}"
    if isinstance(write, Delete):
        target.delete = name
        return
    document = target.update
    document.name = name
    match write:
        case Create():
            codec.encode_fields(document.fields, write.path, write.fields)
            target.current_document.exists = False
        case Put():
            codec.encode_fields(document.fields, write.path, write.fields)
        case Merge():
            _encode_masked(target, write)
        case Update():
            _encode_masked(target, write)
            codec.encode_version(target.current_document.update_time, write.version)


def _encode_masked(target: Any, write: Update | Merge) -> None:
    """A write that touches the named fields alone: in the mask but not in the document means removed."""
    target.update_mask.SetInParent()  # without a mask, the whole document would be replaced
    for key, value in write.fields.items():
        try:
            if isinstance(value, Increment):
                transform = target.update_transforms.add(field_path=field_path(key))
                codec.encode(transform.increment, value.by)
                continue
            target.update_mask.field_paths.append(field_path(key))
            if value is not REMOVE:
                codec.encode(target.update.fields[key], value)
        except codec.UNENCODABLE as error:
            raise codec.refusal(write.path, key, error) from None


def field_path(name: str) -> str:
    """A top-level field's name as a path: quoted wherever it is not a plain identifier."""
    if not name:
        raise WriteRefused("a field needs a name")
    if _SIMPLE.match(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
