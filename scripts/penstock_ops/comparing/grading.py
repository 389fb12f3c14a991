"""The grader at work: it grades each answer as a cascade's judge does, word for word (cascades/judge.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.cascades.judge import grade, question
from penstock.messages.envelope import Envelope
from penstock.messages.request import decode_request
from penstock.messages.strict_json import canonical
from penstock.targets.checks import Judge
from penstock.targets.routes import Target
from penstock_ops.asking.outgoing import Outgoing
from penstock_ops.comparing.asked import Round, ask
from penstock_ops.comparing.contestants import label
from penstock_ops.terminal.system import System


class Grader:
    """The judge `target`, told `about` what counts, in one comparison."""

    def __init__(self, system: System, round: Round, target: Target, about: str) -> None:
        self._system, self._round, self._target = system, round, target
        self._judge = Judge(target=target.name, at_least=1, about=about)

    async def graded(
        self, place: str, messages: Sequence[Outgoing], results: Sequence[Mapping[str, Any]]
    ) -> list[float | None]:
        """For each of a target's `messages` the grade of its answer; None: it cannot stand, or has none."""
        asked = {
            number: self._message(f"{place}.{number}", message, result["completion"])
            for number, (message, result) in enumerate(zip(messages, results, strict=True))
            if _may_stand(result)
        }
        heard = await ask(self._system, self._round, list(asked.values()))
        told: list[float | None] = [None] * len(results)
        for number, message in asked.items():
            told[number] = _grade(heard[message.request_id])
        return told

    def _message(self, place: str, message: Outgoing, completion: Mapping[str, Any]) -> Outgoing:
        now = self._system.services.clock.now()
        request = decode_request(Envelope(message.data, {}, "0", now, ""), default_wait_s=1)
        asking = question(self._judge, request, completion)
        body = {"messages": list(asking.messages), "params": dict(asking.params), "cache": "use"}
        digest = hashlib.sha256(canonical(body)).hexdigest()[:10]
        return self._round.message(f"g-{label(self._target)}.{place}.{digest}", body, self._target.name)


def _may_stand(result: Mapping[str, Any]) -> bool:
    """Whether a cascade would ask about it at all: a whole text."""
    said = result.get("completion") if result["status"] == "completed" else None
    return said is not None and not said["tool_calls"] and said["finish_reason"] == "stop"


def _grade(result: Mapping[str, Any]) -> float | None:
    completion = result.get("completion") if result["status"] == "completed" else None
    return grade(completion) if completion is not None else None
