"""The provider of the lanes' proof: it speaks the Batch API too, and keeps its book line by line."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import Any

from tests.chaos.processes.money.bills import MAX_OUTPUT, PRICE
from tests.chaos.processes.provider import Model, text_of
from tests.servers.openai_batches import Batch, Batches
from tests.servers.openai_ledger import Call
from tests.servers.openai_wire import Asked, completion, error_body

#: The targets of the route `lazy`, named like their models.
LAZY, PROMPT = "lazy-1", "prompt-1"
#: Who made the call of a line.
BY_BATCH = "batch"
#: Seconds from a create to the batch's end.
_TAKES_S = 2.0
#: What goes wrong with a batch, one in three.
_FAULTS = (
    "create_lost", "create_refused", "create_429", "create_400", "token_limit", "bad_line", "whole",
    "expires", "missing", "twice", "unordered", "unknown", "truncated", "empty_error_id", "no_file_yet",
    "output_gone",
)  # fmt: skip
#: More batches than any run makes.
_MANY = 2000


class LanesModel(Model):
    """`batches` fail as a seed says, until `repair`."""

    def __init__(self, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.batches: BookedBatches = BookedBatches(self)
        rng = random.Random(f"batches {seed}")
        self.batches.faults = [rng.choice(_FAULTS) if rng.random() < 1 / 3 else "" for _ in range(_MANY)]

    def repair(self) -> None:
        super().repair()
        self.batches.faults.clear()

    def line_paid(self, asked: Asked, call: Call) -> None:
        """A line was answered, and will be billed."""


class BookedBatches(Batches):
    """`paid` counts lines by their names; `lost` are those that were paid and can be had nowhere."""

    def __init__(self, model: LanesModel) -> None:
        super().__init__(model)
        self.takes_s = _TAKES_S
        self.paid: Counter[str] = Counter()
        self.lost: set[str] = set()
        self._model = model

    @property
    def jobs(self) -> dict[str, frozenset[str]]:
        """The names of the lines of every job."""
        return {
            name: frozenset(line["custom_id"] for line in batch.lines) for name, batch in self.batches.items()
        }

    def reply(self, name: str, asked: Asked) -> tuple[int, dict[str, Any]]:
        book = self._model.ledger.calls
        asked_for = self._model.id_of(asked)
        behaviour = self._model.behaviour_of(asked, asked_for)
        refused = behaviour.kind == "status"
        kind = behaviour.kind if refused else "answer"
        call = Call(
            len(book) + 1, asked_for, asked.model, asked.sha256, kind, not refused, time.time(), time.time(),
            "answered",
        )  # fmt: skip
        book.append(call)
        self._model.callers[call.number] = BY_BATCH
        if refused:
            told = f"It asked: {asked.text}"
            body = error_body("openai", told, type="invalid_request_error", code=None)
            return behaviour.number("code", 500), body
        self.paid[name] += 1
        self._model.line_paid(asked, call)
        return 200, completion(asked, behaviour, text=text_of(asked))

    def _end(self, batch: Batch, status: str, done: int) -> None:
        book = self._model.ledger.calls
        before = len(book)
        super()._end(batch, status, done)
        worked = list(zip(book[before:], batch.lines, strict=False))
        answered = [(call, line) for call, line in worked if call.billed]
        for call, line in _lost(batch.fault, worked, answered):
            call.behaviour = batch.fault
            self.lost.add(line["custom_id"])


def _lost(fault: str, worked: list[Any], answered: list[Any]) -> list[Any]:
    match fault:
        case "output_gone":
            return answered
        case "truncated":
            return answered[-1:]
        case "missing":
            return worked[-1:]
    return []


def with_lane(routed: str, base_url: str) -> str:
    """PENSTOCK_ROUTES: those of `routed`, and one with a lane that waits."""
    both = json.loads(routed)

    def target(model: str) -> dict[str, object]:
        named = {"name": model, "provider": "openai", "model": model, "base_url": base_url}
        return {**named, "price": PRICE, "max_output": MAX_OUTPUT}

    lazy = target(LAZY) | {"lane": "batch"}
    both["routes"]["lazy"] = {"choose": "cheapest", "targets": [lazy, target(PROMPT)]}
    return json.dumps(both)
