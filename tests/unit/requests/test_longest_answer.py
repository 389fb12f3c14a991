"""A target's `max_output` is the `max_tokens` of a request that sets none: to the model, and to the cache."""

from __future__ import annotations

from penstock.messages.request import Request
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape


def _shape() -> Shape:
    short = Target(name="a", provider="openai", model="model-a", max_output=50)
    long = Target(name="b", provider="openai", model="model-b")
    return Shape(Routes("a", {"a": Route(targets=[short, long], fallback=True)}), seed=1)


def test_it_is_asked_for_and_the_request_stays_as_it_came() -> None:
    heard: list[Request] = []

    async def scene(stage: Stage) -> None:
        await stage.ask("r", params={"top_p": 0.5})
        await stage.rest()
        assert b"max_tokens" not in (await stage.document("r"))["payload"]

    play(scene, shape=_shape(), heard=heard)
    assert [request.params for request in heard] == [{"top_p": 0.5, "max_tokens": 50}]


def test_the_requests_own_goes_before_it() -> None:
    heard: list[Request] = []

    async def scene(stage: Stage) -> None:
        await stage.ask("r", params={"max_tokens": 700})

    play(scene, shape=_shape(), heard=heard)
    assert [request.params for request in heard] == [{"max_tokens": 700}]


def test_who_says_the_same_number_gets_the_answer_from_the_cache() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        await stage.ask("same", params={"max_tokens": 50})
        await stage.ask("other", params={"max_tokens": 51})
        await stage.rest()
        assert (await stage.result("same"))["cache"] == "hit"
        assert (await stage.result("other"))["cache"] == "miss"

    play(scene, shape=_shape())
