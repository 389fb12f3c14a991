"""`penstock watch`: results as they come, through a subscription of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.errors import BadMessage
from penstock.messages.envelope import Envelope
from penstock.messages.result import decode_response
from penstock_ops.asking.lane import bought
from penstock_ops.asking.tap import open_tap
from penstock_ops.terminal.console import coloured, dollars, milliseconds, print_json, say, stdout, tokens
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import open_system

_LINE = "{id:<38}  {status:<9}  {cache:<9}  {model:<20}  {tokens:>13}  {cost:>10}  {ms:>7}  {lane}"


async def watch(tenant: str | None, *, count: int | None, as_json: bool) -> int:
    """Print each result once as it comes, `count` of them at most; ends by Ctrl-C otherwise."""
    async with open_system() as system:
        say(f"penstock watch ← {system.name}, topic {system.settings.response_topic}; Ctrl-C ends it.")
        async with open_tap(system, system.settings.response_topic) as tap:
            say("Following.")
            if not as_json:
                _print_header()
            seen: set[tuple[str, str, int]] = set()
            while count is None or len(seen) < count:
                for envelope in await tap.next():
                    result = _result(envelope)
                    if result is None or (tenant and result["tenant"] != tenant):
                        continue
                    key = (result["tenant"], result["request_id"], result["redrive_count"])
                    if key not in seen and (count is None or len(seen) < count):
                        seen.add(key)
                        print_json(result, indent=None) if as_json else _print(result)
    return 0


def _result(envelope: Envelope) -> Mapping[str, Any] | None:
    """The result in a message; None for what is no result of Penstock."""
    try:
        decode_response(envelope.data)
    except BadMessage:
        return None
    result: Mapping[str, Any] = json.loads(envelope.data)
    return result


def _print_header() -> None:
    names = ("status", "cache", "model", "tokens", "cost", "ms", "lane")
    header = _LINE.format(id="id", **{name: name for name in names})
    stdout().print(f"[bold]{header}[/bold]", soft_wrap=True)


def _print(result: Mapping[str, Any]) -> None:
    mine = (
        result["request_id"]
        if result["tenant"] == "default"
        else f"{result['tenant']}/{result['request_id']}"
    )
    model = result["model"] or f"({result['error']['reason']})"
    line = _LINE.format(
        id=mine,
        status=result["status"],
        cache=result["cache"],
        model=model,
        tokens=tokens(result["usage"]),
        cost=dollars(result["cost"]["usd"]),
        ms=milliseconds(result["timings"]["total_ms"]),
        lane=bought(result).removeprefix("lane "),
    )
    told = shown(line.rstrip()).replace(result["status"], coloured(result["status"]), 1)
    stdout().print(told, soft_wrap=True)
