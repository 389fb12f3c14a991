"""Layers that predict further tokens: in the checkpoint, but not in the model that an engine loads."""

from __future__ import annotations

from penstock_ops.tune.anatomy.fields import Fields


def further_tokens(c: Fields, *fields: str) -> tuple[str, ...]:
    """A sentence that such layers are not counted, where one of `fields` says that there are any."""
    stated = [c.some(field) for field in fields]
    if not any(stated):
        return ()
    return (
        f"the layers that predict further tokens ({fields[0]}) are not counted: engines load them for "
        "speculative decoding alone",
    )
