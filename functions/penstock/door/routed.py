"""The models that a caller may name: the aliases of the routes (docs/models.md)."""

from __future__ import annotations

from typing import Any, Final

from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.reply import Reply, said
from penstock.door.seam import Door
from penstock.door.wrong import Wrong
from penstock.services import Services

#: A route has no date of its own, and clients want one.
_SINCE: Final = 1_767_225_600


async def models(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """`GET /v1/models`. Raises Wrong."""
    asked.parameters()
    aliases = sorted(alias for alias in s.routes.routes if caller.may_ask(alias))
    return said({"object": "list", "data": [_model(alias) for alias in aliases]})


async def model(s: Services, door: Door, caller: Caller, asked: Asked, alias: str) -> Reply:
    """`GET /v1/models/{model}`. Raises Wrong."""
    check_model(s, caller, alias)
    return said(_model(alias))


def check_model(s: Services, caller: Caller, alias: Any) -> None:
    """Raises Wrong: what a key may not ask is as absent as what nobody serves."""
    if not isinstance(alias, str):
        raise Wrong(400, "`model` must be a string.", code="invalid_value", param="model")
    if alias in s.routes.routes and caller.may_ask(alias):
        return
    mine = ", ".join(sorted(known for known in s.routes.routes if caller.may_ask(known)))
    told = f"`model` must be one of {mine}: the aliases of this deployment's routes."
    raise Wrong(404, told, code="model_not_found", param="model")


def _model(alias: str) -> dict[str, Any]:
    return {"id": alias, "object": "model", "created": _SINCE, "owned_by": "penstock"}
