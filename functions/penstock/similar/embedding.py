"""A question becomes a vector. An embedder that a budget or a limit touches is asked like any other: under a
line, a hold and a slot of its own. One that nothing touches costs no write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from penstock.errors import FailureClass, ProviderFailure, StoreError
from penstock.messages.completion import Completion, Usage
from penstock.messages.result import Answer
from penstock.messages.rung import Rung
from penstock.ports import Embedded
from penstock.requests.beside import Beside
from penstock.requests.incoming import Incoming
from penstock.requests.seams import Second
from penstock.services import Services
from penstock.similar.lookup import Look
from penstock.targets.routes import Target

EMBEDDING: Final = "embedding"
_WHY: Final = "It was looked for a similar question."


class NoVector(Exception):
    """There is none: the sentence says why."""


async def embed(s: Services, incoming: Incoming, beside: Beside, look: Look) -> None:
    """Give `look` its vector. Raises NoVector; FencedOut, StoreError of its line alone."""
    target = s.routes.targets.get(look.similar.embedder)
    if target is not None and await _needs_a_line(beside, target):
        _fill(look, await _under_a_line(s, incoming, beside, look, target))
    else:
        await embed_without_a_line(s, look)


async def embed_without_a_line(s: Services, look: Look) -> None:
    """The same where nothing touches its embedder, or an operator pays. Raises NoVector."""
    target = s.routes.targets.get(look.similar.embedder)
    _fill(look, await _without(s, look, target))


def _fill(look: Look, embedded: Embedded) -> None:
    if len(embedded.values) != look.similar.numbers:
        look.why = (
            f"Its embedder makes {len(embedded.values)} numbers of a text and not {look.similar.numbers}: "
            "set similar.dimension."
        )
        raise NoVector(look.why)
    look.vector = tuple(float(value) for value in embedded.values)


async def _needs_a_line(beside: Beside, target: Target) -> bool:
    try:
        return await beside.needs_a_line(target)
    except StoreError as error:
        raise NoVector(type(error).__name__) from error


async def _without(s: Services, look: Look, target: Target | None) -> Embedded:
    """Nothing touches it, or it runs beside the code: whatever it raises is a miss."""
    at = s.clock.now()
    try:
        if target is None:
            return await _asked(s, look, s.timing.similar_s)
        async with s.gates[target.name].call():
            embedded = await _asked(s, look, target.timeout_s)
    except Exception as error:
        raise NoVector(type(error).__name__) from error
    look.paid.append(_receipt(s, target, embedded.tokens, at))
    return embedded


async def _under_a_line(
    s: Services, incoming: Incoming, beside: Beside, look: Look, target: Target
) -> Embedded:
    vectors: list[Embedded] = []

    async def how(within_s: float) -> Completion:
        try:
            vectors.append(await _asked(s, look, within_s))
        except ProviderFailure:
            raise
        except Exception as error:
            raise ProviderFailure(FailureClass.AMBIGUOUS, f"The embedder: {type(error).__name__}.") from None
        return _told(target, vectors[-1].tokens)

    text = ({"role": "user", "content": look.question},)
    request = replace(incoming.request, messages=text, params={"max_tokens": 0})
    await beside.ask(Second(target, request, how=how), EMBEDDING, _WHY)
    if not vectors:
        look.why = "The question was not embedded: its embedder failed, or a budget or a limit holds it back."
        raise NoVector(look.why)
    return vectors[-1]


async def _asked(s: Services, look: Look, within_s: float) -> Embedded:
    embedder = s.embedders[look.similar.embedder]
    return await embedder.embed(look.question, timeout_s=min(within_s, s.timing.similar_s))


def _told(target: Target, tokens: int) -> Completion:
    return Completion("", (), "stop", Usage(tokens, 0), target.model)


def _receipt(s: Services, target: Target, tokens: int, at: datetime) -> Rung:
    said = _told(target, tokens)
    cost = s.prices.cost(target.priced_as, said.usage)
    return Rung(
        Answer.of(said, provider=target.provider, target=target.name, cost=cost), _WHY, at, role=EMBEDDING
    )
