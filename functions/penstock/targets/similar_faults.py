"""What is wrong with a route that answers with similar questions' answers, one sentence a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.targets.similarity import LOCAL, LOCAL_DIMENSION

if TYPE_CHECKING:
    from penstock.targets.routes import Routes
    from penstock.targets.similarity import Similar


def similar_faults(alias: str, similar: Similar, routes: Routes, dimensions: set[int]) -> Iterator[str]:
    """What is wrong with the setting of route `alias`; `dimensions` are those of the routes before it, and
    its own is added."""
    place = f"PENSTOCK_ROUTES: route {alias!r}"
    yield from (f"{place} has a similar.embedder {fault}." for fault in _embedder(similar, routes))
    if similar.verifier is not None:
        yield from (
            f"{place} has a similar.verifier {fault}." for fault in _asked(similar.verifier, similar, routes)
        )
    if similar.judge is not None and similar.judge not in routes.routes:
        yield from (
            f"{place} has a similar.judge {fault}." for fault in _asked(similar.judge, similar, routes)
        )
    dimensions.add(similar.numbers)
    if len(dimensions) > 1:
        yield (
            f"{place} has an embedder of {similar.numbers} numbers, and the index of all routes has one "
            "dimension alone: give every route's similar the same embedder, or the same dimension."
        )


def _embedder(similar: Similar, routes: Routes) -> Iterator[str]:
    target = routes.targets.get(similar.embedder)
    if similar.embedder == LOCAL:
        if similar.numbers != LOCAL_DIMENSION:
            yield f"that makes {LOCAL_DIMENSION} numbers of a text: leave similar.dimension out"
    elif target is None:
        yield "that is no target of any route: name one, or say local"
    elif target.provider != "openai" or target.lane != "sync":
        yield "that is no openai server that answers at once: name one, or say local"


def _asked(name: str, similar: Similar, routes: Routes) -> Iterator[str]:
    target = routes.targets.get(name)
    if target is None:
        yield "that is no target of any route: name one"
    elif target.lane != "sync":
        yield "in a lane that waits: name a target that answers at once; a judge may be a route instead"
    elif name == similar.embedder:
        yield "that is its embedder, which answers nothing: name a model that does"
