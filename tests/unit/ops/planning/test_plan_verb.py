"""`penstock plan`: what would be chosen, and why, before anything is published."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.lanes.histogram import Histogram
from penstock.lanes.speed import Speed
from penstock.messages.request import CacheMode, Request
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Route, Routes
from penstock.timing import Timing
from penstock_ops.asking.publish_options import Options
from penstock_ops.planning.plan import plan
from penstock_ops.planning.planned import Planner, Weighed, by_target
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.routes_named import routes_named
from tests.chaos.batch_stage import BATCHED, LAZY, PROMPT

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def weighed(hours: float, routes: Routes = BATCHED) -> list[Weighed]:
    request = Request(
        tenant="t", request_id="r", messages=({"role": "user", "content": "hello"},), model=None, params={},
        cache=CacheMode.AUTO, deadline=NOW + timedelta(hours=hours), metadata={}, payload_sha256="",
        names_deadline=True,
    )  # fmt: skip
    planner = Planner(routes, lambda _: Speed(Histogram(NOW)), PriceBook.load(), Timing())
    return planner.weighed(request, NOW)


def test_who_has_hours_goes_by_batch_and_who_has_not_at_once() -> None:
    lazy, prompt = weighed(6)
    assert (lazy.chosen, lazy.why) == (True, "the cheapest that is likely in time")
    assert (prompt.chosen, prompt.why) == (False, "it costs more")
    assert 0 < (lazy.usd or 0) < 0.6 * (prompt.usd or 0)
    lazy, prompt = weighed(0.5)
    assert (lazy.chosen, lazy.why) == (False, "in time is less likely than 0.95")
    assert prompt.chosen


def test_a_route_in_order_asks_its_first() -> None:
    ordered = Routes("one", {"one": Route(targets=[PROMPT, PROMPT.model_copy(update={"name": "other"})])})
    assert [(row.chosen, row.why) for row in weighed(6, ordered)] == [
        (True, "the first of the order"),
        (False, "asked when those before it fail"),
    ]


def test_what_has_no_price_says_so() -> None:
    unpriced = LAZY.model_copy(update={"model": "nobody-knows-it"})
    routes = Routes("one", {"one": Route(targets=[unpriced, PROMPT], choose="cheapest")})
    unknown, _ = weighed(6, routes)
    assert (unknown.usd, unknown.why) == (None, "it has no price")


def test_many_are_summed_by_target() -> None:
    [lazy, prompt] = by_target([weighed(6), weighed(6), weighed(0.5)])
    assert (lazy["target"], lazy["requests"]) == ("lazy", 2)
    assert (prompt["lane"], prompt["requests"], prompt["usd"]) == ("sync", 1, prompt["list_usd"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("routes", "said"),
    [(None, "Which routes"), ("absent.json", "No such file"), ("alias", "alias of a route")],
)
def test_what_is_wrong_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, routes: str | None, said: str
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "folder"))
    monkeypatch.delenv("PENSTOCK_ROUTES", raising=False)
    given = tmp_path / routes if routes else None
    if routes == "alias":
        target = {"name": "n", "provider": "offline", "model": "n"}
        (tmp_path / routes).write_text(json.dumps({"default": "a", "routes": {"a": {"targets": [target]}}}))
    with pytest.raises(Misuse, match=said):
        plan(["hello"], [], Options(model="another"), given, as_json=False)


def test_what_is_wrong_with_a_file_of_routes_names_the_file(tmp_path: Path) -> None:
    broken = tmp_path / "routes.json"
    broken.write_text('{"default":')
    for path, said in ((broken, "is not JSON"), (tmp_path / "none.json", "No such file")):
        with pytest.raises(Misuse, match=f"{path.name}.*{said}"):
            routes_named(path)
