"""A response as the events of its stream, in the order of OpenAI's description (ResponseStreamEvent)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.door.reply import event
from penstock.door.wrong import Wrong


def events_of(response: Mapping[str, Any]) -> list[bytes]:
    """The whole answer, each part in one delta."""
    numbered = enumerate(_events(response))
    return [event({**one, "sequence_number": number}, one["type"]) for number, one in numbered]


def failed(wrong: Wrong) -> list[bytes]:
    """The error of a stream whose status is long sent."""
    error = {"type": "error", "code": wrong.code, "message": str(wrong), "param": wrong.param}
    return [event({**error, "sequence_number": 0}, "error")]


def _events(response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, item in enumerate(response["output"]):
        where = {"output_index": place}
        yield {"type": "response.output_item.added", **where, "item": _empty(item)}
        yield from _content(item, {**where, "item_id": item["id"]})
        yield {"type": "response.output_item.done", **where, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


def _empty(item: Mapping[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return {**item, **nothing, "status": "in_progress"}


def _content(item: Mapping[str, Any], where: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if item["type"] == "function_call":
        arguments, name = item["arguments"], item["name"]
        yield {"type": "response.function_call_arguments.delta", **where, "delta": arguments}
        done = {"type": "response.function_call_arguments.done", **where}
        yield {**done, "arguments": arguments, "name": name}
        return
    for number, part in enumerate(item["content"]):
        yield from _part(part, {**where, "content_index": number})


def _part(part: Mapping[str, Any], where: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    field, name = ("text", "output_text") if part["type"] == "output_text" else ("refusal", "refusal")
    logprobs: dict[str, Any] = {"logprobs": []} if field == "text" else {}
    yield {"type": "response.content_part.added", **where, "part": {**part, field: ""}}
    yield {"type": f"response.{name}.delta", **where, "delta": part[field], **logprobs}
    yield {"type": f"response.{name}.done", **where, field: part[field], **logprobs}
    yield {"type": "response.content_part.done", **where, "part": part}
