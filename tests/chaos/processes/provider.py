"""The model server of a chaos run: knows who called, and answers in the form that the checker reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.chaos.processes.instance import name_of
from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_ledger import Call
from tests.servers.openai_server import PROMPT_ID, OpenAIServer
from tests.servers.openai_wire import Asked, completion

#: Stands in every answer; must never be seen in a log.
ANSWER_MARK = "PLANTED-ANSWER"

#: What stands in the body of every call: the rest of it is the client's params.
_SENT_ALWAYS = ("model", "messages", "stream")


class Model(OpenAIServer):
    """The test server; `by_id` says how it misbehaves until `repair`, `callers` who made which call.

    A prompt's id is `TENANT.NAME`. Answers read `TENANT|MODEL|QUESTION|…`: whoever gets an answer that
    belongs to somebody else's question or tenant can be found out.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        #: Which function made a call, by the call's number.
        self.callers: dict[int, str] = {}

    def repair(self) -> None:
        """From now on every call is answered."""
        self.by_id.clear()
        self.by_model.clear()

    async def _carry_out(
        self, http: web.Request, asked: Asked, behaviour: Behaviour, call: Call
    ) -> web.StreamResponse:
        self.callers[call.number] = name_of(http.headers.get("Authorization", ""))
        response = await super()._carry_out(http, asked, behaviour, call)
        if behaviour.kind not in ("answer", "hold") or not isinstance(response, web.Response):
            return response
        padding = "x" * behaviour.number("size", 0)
        return web.json_response(completion(asked, behaviour, text=text_of(asked) + padding))


def text_of(asked: Asked) -> str:
    """What an answer says, less what it is padded with."""
    found = PROMPT_ID.search(asked.text)
    tenant = found.group(1).partition(".")[0] if found else ""
    return f"{tenant}|{asked.model}|{question(asked.body)}|{ANSWER_MARK}"


def question(body: Mapping[str, Any]) -> str:
    """What determines the answer, short. The checker computes the same from the request's payload."""
    params = {name: value for name, value in body.items() if name not in _SENT_ALWAYS}
    asked = {"messages": body["messages"], "params": params}
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
