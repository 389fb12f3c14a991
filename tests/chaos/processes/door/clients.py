"""The clients: OpenAI's own, with the tries that it makes by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types.responses import Response

from tests.chaos.processes.door.workload import BACKGROUND, RESPONSE, Question

#: Tries of the SDK's own; a killed door is up again after a few of them.
_TRIES = 60
#: No call lasts longer, in seconds: then the SDK tries again.
_LIMIT_S = 120.0
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client was told in the end. `request_id` is the answer's; `text` None: an error, `told`."""

    question: Question
    request_id: str
    text: str | None
    told: str = ""


@contextlib.asynccontextmanager
async def clients_at(
    urls: Sequence[str], keys: Mapping[str, str]
) -> AsyncIterator[list[dict[str, AsyncOpenAI]]]:
    """A client of each tenant for each of the doors."""
    async with contextlib.AsyncExitStack() as stack:
        made = [
            {
                tenant: await stack.enter_async_context(
                    AsyncOpenAI(base_url=f"{url}v1", api_key=key, max_retries=_TRIES, timeout=_LIMIT_S)
                )
                for tenant, key in keys.items()
            }
            for url in urls
        ]
        yield made


async def ask_all(
    clients: Sequence[Mapping[str, AsyncOpenAI]],
    questions: Iterable[Sequence[Question]],
    heard: Callable[[Heard], None],
) -> None:
    """Every client's questions, one after the other; all clients at once, spread over the doors."""

    async def one(number: int, asked: Sequence[Question]) -> None:
        for question in asked:
            heard(await ask(clients[number % len(clients)][question.tenant], question))

    async with asyncio.TaskGroup() as group:
        for number, asked in enumerate(questions):
            group.create_task(one(number, asked))


async def ask(client: AsyncOpenAI, question: Question) -> Heard:
    """Ask it until there is an answer, or the SDK gives up."""
    named = {"Idempotency-Key": question.key} if question.key else {}
    try:
        if question.kind in (RESPONSE, BACKGROUND):
            return await _response(client, question, named)
        answer = await client.chat.completions.create(
            model=question.model, messages=_messages(question), extra_headers=named
        )
        return Heard(question, answer.id, answer.choices[0].message.content)
    except openai.APIError as error:
        return Heard(question, _id_of(error), None, f"{type(error).__name__}: {error}"[:300])


async def _response(client: AsyncOpenAI, question: Question, named: Mapping[str, str]) -> Heard:
    response = await client.responses.create(
        model=question.model,
        input=_messages(question),
        background=question.kind == BACKGROUND,
        extra_headers=named,
    )
    accepted = Heard(question, response.id, None)
    while response.status in ("queued", "in_progress"):
        await asyncio.sleep(_LOOK_S)
        response = await client.responses.retrieve(accepted.request_id)
    return replace(accepted, text=_text(response), told=str(response.error or ""))


def _text(response: Response) -> str | None:
    return response.output_text if response.status == "completed" else None


def _messages(question: Question) -> Any:
    return question.messages


def _id_of(error: openai.APIError) -> str:
    if isinstance(error, openai.APIStatusError):
        return error.response.headers.get("x-penstock-request-id", "")
    return ""
