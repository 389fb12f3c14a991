"""Similar answers on the stage of a world: routes that have them, and evidence that was gathered before."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from penstock.paths import evidence_path
from penstock.ports import Fields, Put
from penstock.similar.evidence import Way
from penstock.similar.seam import Similars
from penstock.similar.ways import way_of
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.embedder import DIMENSION
from tests.chaos.money_stage import PRICED
from tests.chaos.provider import JUDGE, VERIFIER
from tests.chaos.world import Shape, World

EMBED = Target(name="embed", provider="openai", model="text-embedding-3-small", price="gpt-5.4-nano")


def similar_routes(routes: Routes = PRICED, **setting: Any) -> Routes:
    """`routes`, whose default one has similar answers at 5 %."""
    said = {"max_wrong": 0.05, "embedder": EMBED.name, "dimension": DIMENSION} | setting
    asked = routes.routes[routes.default]
    answers = Route.model_validate(asked.model_dump(exclude_unset=True) | {"similar": said})
    first = asked.targets[0]
    others = [first.model_copy(update={"name": name, "model": f"model-{name}"}) for name in (JUDGE, VERIFIER)]
    ours = {"embedding": Route(targets=[EMBED]), "judging": Route(targets=others, fallback=True)}
    return Routes(routes.default, {**routes.routes, routes.default: answers, **ours})


def with_similar(shape: Shape, **setting: Any) -> Shape:
    """The same deployment, whose default route has similar answers."""
    routes = similar_routes(shape.routes, **setting)
    return replace(shape, routes=routes, seams=(Similars, *shape.seams))


def shape(**setting: Any) -> Shape:
    return with_similar(Shape(PRICED, seed=1, instances=2), **setting)


def way(world: World) -> Way:
    routes = world.shape.routes
    return way_of(routes.default, routes.routes[routes.default], routes, "sim")


async def judged_before(world: World, n: int = 200, k: int = 0, tenant: str = "default", **more: Any) -> None:
    """So many cases were judged at the lowest threshold, which is open."""
    counts = {"n0": n, "k0": k, "open": 0, "open_for": 0.05, "open_n": n, "open_k": k, "hits": 10_000}
    counts |= more
    known = {f"seeded_{name}": counts[name] for name in ("n0", "k0", "hits")}
    ours = way(world)
    put = Put(evidence_path(tenant, ours.name), asdict(ours) | counts | known)
    await world.store.commit([put], timeout_s=8)


async def evidence(world: World, tenant: str = "default") -> Fields:
    [found] = await world.store.read([evidence_path(tenant, way(world).name)], timeout_s=8)
    return found.fields or {}
