"""The input of `POST /v1/responses` as a conversation, and its tools and formats as params."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock.door.wrong import Wrong

_ROLES: Final = ("assistant", "developer", "system", "user")


def conversation(body: Mapping[str, Any], before: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """`instructions`, what was said `before`, and `input` as messages. Raises Wrong."""
    said = body["input"]
    first = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    first += before
    if isinstance(said, str):
        return [*first, {"role": "user", "content": said}]
    if not isinstance(said, list):
        raise Wrong(400, "`input` must be a string or a list of items.", param="input")
    return first + _joined([_turn(item, f"input[{place}]") for place, item in enumerate(said)])


def _joined(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls that an answer made one beside the other are one assistant message."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        before = messages[-1] if messages else {}
        if "tool_calls" in turn and before.get("role") == "assistant":
            before.setdefault("tool_calls", []).extend(turn["tool_calls"])
        elif turn:
            messages.append(turn)
    return messages


def _turn(item: Any, place: str) -> dict[str, Any]:
    """One item as a message; thoughts that OpenAI alone can read are none."""
    if not isinstance(item, dict):
        raise Wrong(400, f"`{place}` must be an object.", param=place)
    kind = item.get("type", "message")
    if kind == "reasoning":
        return {}
    turn = _TURNS.get(kind) if isinstance(kind, str) else None
    if turn is None:
        raise Wrong(400, f"`{place}.type` is not known here.", code="unsupported_parameter", param=place)
    return turn(item, place)


def _message(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise Wrong(400, f"`{place}.role` must be one of {', '.join(_ROLES)}.", param=place)
    if isinstance(content, list):
        content = [_part(part, f"{place}.content[{n}]") for n, part in enumerate(content)]
        if role == "assistant":
            content = "".join(part.get("text", "") for part in content)
    return {"role": role, "content": content}


def _part(part: Any, place: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part.get("text")}
        case "refusal":
            return {"type": "text", "text": part.get("refusal")}
        case "input_image" if part.get("image_url") is not None:
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    told = f"`{place}` must be a text, or an image with its `image_url`."
    raise Wrong(400, told, code="unsupported_parameter", param=place)


def _call(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    call = {"id": item.get("call_id"), "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _output(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    output = item.get("output")
    if isinstance(output, list):
        output = [_part(part, f"{place}.output[{n}]") for n, part in enumerate(output)]
    return {"role": "tool", "tool_call_id": item.get("call_id"), "content": output}


_TURNS: Final[Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _output,
}


def tools(sent: Any) -> list[Any]:
    """Declared functions, each in the object that the request has them in. Raises Wrong."""
    if not isinstance(sent, list):
        raise Wrong(400, "`tools` must be a list.", param="tools")
    return [_tool(tool, f"tools[{place}]") for place, tool in enumerate(sent)]


def _tool(tool: Any, place: str) -> dict[str, Any]:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        told = f"`{place}` must be of type function: other tools run nowhere here."
        raise Wrong(400, told, code="unsupported_parameter", param=place)
    function = {name: value for name, value in tool.items() if name != "type" and value is not None}
    return {"type": "function", "function": function}


def choice(sent: Any) -> Any:
    if isinstance(sent, dict) and sent.get("type") == "function":
        return {"type": "function", "function": {"name": sent.get("name")}}
    return sent


def text_format(sent: Any) -> Any:
    """`text` as a response_format; None: plain text. Raises Wrong."""
    if not isinstance(sent, dict) or not sent.keys() <= {"format", "verbosity"}:
        raise Wrong(400, "`text` may hold `format` and `verbosity`.", param="text")
    if sent.get("verbosity") not in (None, "medium"):
        raise Wrong(400, "`text.verbosity` may only be medium here.", param="text.verbosity")
    form = sent.get("format")
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return form
    schema = {name: value for name, value in form.items() if name != "type" and value is not None}
    return {"type": "json_schema", "json_schema": schema}


def effort(sent: Any) -> Any:
    """Raises Wrong."""
    if not isinstance(sent, dict) or {name for name, value in sent.items() if value is not None} - {"effort"}:
        raise Wrong(400, "`reasoning` may hold `effort` alone here.", param="reasoning")
    return sent.get("effort")
