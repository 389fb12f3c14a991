"""The provider of the budgets' proof: it writes a bill of its own, from its own price list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.chaos.processes.provider import Model, text_of
from tests.chaos.processes.workload import CALM, NONSENSE, WILD
from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_ledger import Call
from tests.servers.openai_wire import Asked, count_tokens

#: Dollars for a million tokens. So dear that a few hundred calls spend a dollar.
_INPUT, _OUTPUT = 100, 400
PRICE = "dear-1"
#: The longest answer of every target.
MAX_OUTPUT = 100


class BillingModel(Model):
    """`billed` says of each call that would be charged for what it costs, in nano-dollars."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.billed: dict[int, int] = {}

    @property
    def bill(self) -> int:
        """The sum of all calls so far, in nano-dollars."""
        return sum(self.billed.values())

    def bill_of(self, prompt_id: str) -> int:
        return sum(self.billed.get(call.number, 0) for call in self.ledger.of(prompt_id))

    async def _carry_out(
        self, http: web.Request, asked: Asked, behaviour: Behaviour, call: Call
    ) -> web.StreamResponse:
        if call.billed:
            self.billed[call.number] = listed(asked)
        return await super()._carry_out(http, asked, behaviour, call)


def listed(asked: Asked) -> int:
    """What the answer costs at list price, in nano-dollars."""
    tokens = count_tokens(asked.text), count_tokens(text_of(asked))
    return 1000 * (tokens[0] * _INPUT + tokens[1] * _OUTPUT)


def price_list(folder: Path) -> str:
    """The same price list for Penstock: PENSTOCK_PRICES."""
    file = folder / "prices.json"
    entry = {
        "input": _INPUT, "output": _OUTPUT, "source": "list", "confidence": "own",
        "batch": {"input": _INPUT / 2, "output": _OUTPUT / 2},
    }  # fmt: skip
    sources = {"list": {"title": "The price list of the test's provider"}}
    file.write_text(json.dumps({"as_of": "2026-11-29", "sources": sources, "models": {PRICE: entry}}))
    return str(file)


def priced_routes(base_url: str) -> str:
    """PENSTOCK_ROUTES: as workload.routes, with a price and a longest answer, as a budget needs them."""

    def target(model: str, timeout_s: float) -> dict[str, object]:
        named = {"name": model, "provider": "openai", "model": model, "base_url": base_url}
        return {**named, "timeout_s": timeout_s, "price": PRICE, "max_output": MAX_OUTPUT}

    calm, wild, nonsense = target(CALM, 60.0), target(WILD, 20.0), target(NONSENSE, 20.0)
    routes = {
        "calm": {"targets": [calm]},
        "wild": {"targets": [wild]},
        "flaky": {"targets": [nonsense, calm], "fallback": True},
    }
    return json.dumps({"default": "calm", "routes": routes})
