"""The way by which a route's similar answers come: what its evidence is of. Pure."""

from __future__ import annotations

import hashlib

from penstock.messages.strict_json import canonical
from penstock.similar.evidence import Way
from penstock.similar.guard import GUARD
from penstock.similar.questions import VERSION
from penstock.targets.cascade import digest
from penstock.targets.routes import Route, Routes, Target


def way_of(alias: str, route: Route, routes: Routes, embedder: str) -> Way:
    """Of the route `alias`, which has similar answers, with the embedder of that name. Everybody is called by
    what they are: a renamed target keeps its evidence, and another model behind a name has none."""
    similar = route.similar
    verifier, judge = (similar.verifier, similar.judge) if similar is not None else (None, None)
    return Way(
        route=alias,
        embedder=embedder,
        guard=GUARD,
        verifier=_asked(verifier, routes),
        judge=_asked(judge, routes),
        model=_of_all(route),
    )


def _asked(name: str | None, routes: Routes) -> str:
    """Who verifies or judges, and what it is asked."""
    if name is None:
        return ""
    target = routes.targets.get(name)
    who = _of(target) if target is not None else _of_all(routes.routes[name])
    return f"{who} #{VERSION}"


def _of_all(route: Route) -> str:
    """Whoever of a route answers."""
    if route.choose == "cascade":
        return (digest(route) or "")[:32]
    names = [_of(target) for target in route.targets]
    if len(names) == 1:
        return names[0]
    return hashlib.sha256(canonical(names)).hexdigest()[:32]


def _of(target: Target) -> str:
    return " ".join(part for part in (target.provider, target.base_url, target.model) if part)
