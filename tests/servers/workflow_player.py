"""Plays a definition for Google's Workflows, as far as the shipped one goes, and refuses what it knows not.

The language: https://cloud.google.com/workflows/docs/reference/syntax. Expressions are read as Python, whose
grammar they share here, and worked out node by node. Calls go to what the test hands in.
"""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, without types

#: A connector or a library function that waits: its arguments → its result.
Call = Callable[[Mapping[str, Any]], Awaitable[Any]]

_EXPRESSION: Final = re.compile(r"\$\{(.*)\}", re.DOTALL)
_STEP: Final = frozenset(
    {"assign", "call", "args", "result", "switch", "next", "return", "raise", "try", "except"}
)
#: Workflows' own limit of an expression, in characters.
_LONGEST: Final = 400


class Raised(Exception):
    """A `raise` that nothing has caught, or an error of a call; `value` is what a step sees of it."""

    def __init__(self, value: Any) -> None:
        super().__init__(str(value))
        self.value = value


class _Returned(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Player:
    """One execution. `env`: what sys.get_env knows; `calls` by their names."""

    def __init__(self, definition: str, env: Mapping[str, str], calls: Mapping[str, Call]) -> None:
        self._main = yaml.safe_load(definition)["main"]
        self._env, self._calls = env, calls
        self.variables: dict[str, Any] = {}

    async def run(self, argument: Mapping[str, Any]) -> Any:
        """What it returns. Raises Raised."""
        [parameter] = self._main["params"]
        self.variables = {parameter: json.loads(json.dumps(argument))}
        try:
            await self._steps(self._main["steps"])
        except _Returned as returned:
            return returned.value
        return None

    async def _steps(self, steps: list[Mapping[str, Any]]) -> None:
        names = [next(iter(step)) for step in steps]
        assert len(set(names)) == len(names), "two steps of one name"
        at = 0
        while at < len(steps):
            after = await self._step(steps[at][names[at]])
            at = names.index(after) if after else at + 1

    async def _step(self, step: Mapping[str, Any]) -> str | None:
        """The step's `next`, if it goes anywhere else than on."""
        assert set(step) <= _STEP, f"a step with {set(step) - _STEP}"
        if "assign" in step:
            for assignment in step["assign"]:
                [(place, value)] = assignment.items()
                self._assign(place, self._value(value))
        if "switch" in step:
            for case in step["switch"]:
                if self._value(case["condition"]):
                    return await self._step({name: case[name] for name in case if name != "condition"})
        if "try" in step:
            await self._try(step)
        if "call" in step:
            result = await self._calls[step["call"]](self._value(step.get("args", {})))
            if "result" in step:
                self.variables[step["result"]] = result
        if "raise" in step:
            raise Raised(self._value(step["raise"]))
        if "return" in step:
            raise _Returned(self._value(step["return"]))
        return step.get("next")

    async def _try(self, step: Mapping[str, Any]) -> None:
        try:
            await self._step(step["try"])
        except Raised as raised:
            self.variables[step["except"]["as"]] = raised.value
            await self._steps(step["except"]["steps"])

    def _assign(self, place: str, value: Any) -> None:
        *parents, last = place.split(".")
        target = self.variables
        for parent in parents:
            target = target[parent]
        target[last] = value

    def _value(self, given: Any) -> Any:
        if isinstance(given, Mapping):
            return {name: self._value(value) for name, value in given.items()}
        if isinstance(given, list):
            return [self._value(value) for value in given]
        if isinstance(given, str) and (found := _EXPRESSION.fullmatch(given)):
            assert len(found[1]) <= _LONGEST, f"an expression of {len(found[1])} characters"
            return self._worked_out(ast.parse(found[1].strip(), mode="eval").body)
        return given

    def _worked_out(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id="null"):
                return None
            case ast.Name(id=name):
                return self.variables[name]
            case ast.Attribute(value=inner, attr=name):
                return self._worked_out(inner)[name]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._worked_out(left) + self._worked_out(right)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._worked_out(operand)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _compared(op, self._worked_out(left), self._worked_out(right))
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self._called(ast.unparse(function), [self._worked_out(one) for one in arguments])
        raise AssertionError(f"an expression that this player does not know: {ast.unparse(node)}")

    def _called(self, function: str, given: list[Any]) -> Any:
        match function, given:
            case "default", [value, other]:
                return other if value is None else value
            case "map.get", [whole, key]:
                return whole.get(key)
            case "sys.get_env", [name]:
                return self._env[name]
            case "json.encode", [value]:
                return json.dumps(value).encode()
            case "base64.encode", [data]:
                return base64.b64encode(data).decode()
        raise AssertionError(f"a function that this player does not know: {function}")


def _compared(op: ast.cmpop, left: Any, right: Any) -> bool:
    match op:
        case ast.Eq():
            return bool(left == right)
        case ast.NotEq():
            return bool(left != right)
        case ast.In():
            return left in right
    raise AssertionError(f"a comparison that this player does not know: {op}")
