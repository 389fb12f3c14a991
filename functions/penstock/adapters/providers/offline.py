"""The provider `offline`: answers without a network, and says that no model did. For demos and for tests."""

from __future__ import annotations

import json

from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.money.estimate import estimate_usage

#: The name under which the price book says that it costs nothing.
MODEL = "offline"


class OfflineProvider:
    """Its answer is a function of the request alone. Never fails, never waits."""

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        said = self._said(request)
        format = request.params.get("response_format") or {}
        if str(format.get("type", "")).startswith("json"):
            said = json.dumps({"offline": said})
        usage = estimate_usage(request.messages, request.params, said)
        return Completion(text=said, tool_calls=(), finish_reason="stop", usage=usage, model=MODEL)

    def _said(self, request: Request) -> str:
        count = len(request.messages)
        messages = "1 message" if count == 1 else f"{count} messages"
        return (
            f"This is Penstock's offline provider, not a model: it has read {messages} "
            f"(payload {request.payload_sha256[:12]}) and knows no answer. To have a model answer, "
            "set OPENAI_API_KEY, and OPENAI_BASE_URL for a server other than OpenAI's."
        )

    async def reload_key(self) -> bool:
        return False

    async def close(self) -> None:
        return None
