"""The lines of a batch's file, checked: each becomes an item with the request that it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from penstock.door import chat, response
from penstock.door.caller import Caller
from penstock.door.routed import check_model
from penstock.door.wrong import Wrong, of_message
from penstock.errors import BadMessage
from penstock.messages.request import Question
from penstock.messages.strict_json import canonical, check, decode_object
from penstock.runs.rows import LINE_LIMIT
from penstock.services import Services

#: OpenAI's own limit.
LINES_LIMIT: Final = 50_000
#: What a batch may ask, and what a line's body becomes there.
ENDPOINTS: Final = {"/v1/chat/completions": chat.request_of, "/v1/responses": response.request_of}
_CUSTOM_ID_LIMIT: Final = 256
_KNOWN: Final = frozenset({"custom_id", "method", "url", "body"})


class Lines:
    """Makes the items one by one, and remembers which ids there were."""

    def __init__(self, s: Services, caller: Caller, endpoint: str) -> None:
        self._s = s
        self._caller = caller
        self._endpoint = endpoint
        self._ids: set[str] = set()

    @property
    def count(self) -> int:
        return len(self._ids)

    async def items(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Each line as an item, with its end. Raises Wrong that names the line."""
        number = 0
        async for line in lines:
            number += 1
            # Empty ones are no requests; but millions of them would keep everybody else waiting.
            if self.count >= LINES_LIMIT or number > 2 * LINES_LIMIT:
                raise Wrong(400, f"The file has over {LINES_LIMIT:,} lines: make several batches of it.")
            if not line.strip():
                continue
            try:
                yield self._item(line) + b"\n"
            except Wrong as wrong:
                told = f"Line {number}: {wrong}"
                raise Wrong(wrong.status, told, code=wrong.code, param=wrong.param) from None
        if not self.count:
            raise Wrong(400, "The file has no lines.", param="input_file_id")

    def _item(self, line: bytes) -> bytes:
        sent = _object(line.removeprefix(b"\xef\xbb\xbf"))
        custom_id = self._custom_id(sent)
        body = sent.get("body")
        if sent.keys() - _KNOWN or sent.get("method") != "POST" or not isinstance(body, dict):
            raise Wrong(400, "it must have `custom_id`, `method` POST, `url`, an object `body`, and no more.")
        if sent.get("url") != self._endpoint:
            raise Wrong(400, f"its `url` must be the batch's endpoint, {self._endpoint}.", param="url")
        item = canonical({"id": custom_id, "request": self._request(body)})
        if len(item) > LINE_LIMIT:
            raise Wrong(400, f"it has over {LINE_LIMIT:,} bytes: ask that one by itself.")
        return item

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("stream") or body.get("background"):
            raise Wrong(400, "a batch's lines are neither streamed nor in the background.", param="stream")
        asked = ENDPOINTS[self._endpoint](body)
        # A member's metadata is its run's.
        asked.pop("metadata", None)
        check_model(self._s, self._caller, asked["model"])
        try:
            check(Question, asked)
        except BadMessage as error:
            raise of_message(error) from None
        return asked

    def _custom_id(self, sent: dict[str, Any]) -> str:
        custom_id = sent.get("custom_id")
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= _CUSTOM_ID_LIMIT:
            raise Wrong(
                400, f"its `custom_id` must have 1 to {_CUSTOM_ID_LIMIT} characters.", param="custom_id"
            )
        if custom_id in self._ids:
            raise Wrong(
                400,
                "its `custom_id` is an earlier line's too.",
                code="duplicate_custom_id",
                param="custom_id",
            )
        self._ids.add(custom_id)
        return custom_id


def _object(line: bytes) -> dict[str, Any]:
    try:
        return decode_object(line)
    except BadMessage as error:
        raise Wrong(400, str(error).replace("The message data", "it"), code="invalid_json_line") from None
