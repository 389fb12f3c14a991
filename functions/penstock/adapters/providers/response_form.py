"""A chat request as the Responses API takes it (API reference, create a response).

What has no word there was left out before (targets/in_background.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.messages.request import Request

_SAME: Final = ("temperature", "top_p")


def response_form(request: Request) -> dict[str, Any]:
    """`input` and the parameters of `request`."""
    params = request.params
    form: dict[str, Any] = {"input": [item for message in request.messages for item in _items(message)]}
    form |= {name: params[name] for name in _SAME if name in params}
    if "max_tokens" in params:
        form["max_output_tokens"] = params["max_tokens"]
    if "reasoning_effort" in params:
        form["reasoning"] = {"effort": params["reasoning_effort"]}
    if "response_format" in params:
        form["text"] = {"format": _format(params["response_format"])}
    if "tools" in params:
        form["tools"] = [
            {"type": "function", "strict": False, **tool["function"]} for tool in params["tools"]
        ]
    if "tool_choice" in params:
        form["tool_choice"] = _choice(params["tool_choice"])
    return form


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message is one item; the calls that an assistant made, and what a tool answered, are their own."""
    role, content = message["role"], message.get("content")
    if role == "tool":
        said = content if isinstance(content, str) else _parts(content, role)
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": said}
        return
    if content:
        said = content if isinstance(content, str) else _parts(content, role)
        yield {"type": "message", "role": role, "content": said}
    for call in message.get("tool_calls") or ():
        yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def _parts(content: Any, role: str) -> list[dict[str, Any]]:
    said = "output_text" if role == "assistant" else "input_text"
    return [
        {"type": said, "text": part["text"]} if part["type"] == "text" else _image(part["image_url"])
        for part in content or ()
    ]


def _image(image: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail", "auto")}


def _format(asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked["type"] != "json_schema":
        return dict(asked)
    return {"type": "json_schema", **asked["json_schema"]}


def _choice(asked: Any) -> Any:
    return asked if isinstance(asked, str) else {"type": "function", "name": asked["function"]["name"]}
