"""A pipeline as it runs: its steps with their templates, made of a definition that is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.strict_json import canonical, check
from penstock.runs.policy import Policy
from penstock.runs.schema import Pipeline
from penstock.runs.template import MissingPath, Template, TemplateFault, look_up

#: Bytes of a definition, spelt canonically.
DEFINITION_LIMIT: Final = 128 * 1024
#: The field that takes an answer unless a step says otherwise.
ANSWER: Final = "text"

_ITEM: Final = ("item",)
#: What a reduce's request knows: the joined inputs, and the group that they share.
_REDUCED: Final = ("inputs", "group")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request's template. `answer` is the item's field that takes what comes."""

    fixed: Mapping[str, Any]
    #: prompt or messages, every text in them a Template.
    asked: Mapping[str, Any]
    answer: str
    #: The item's field that holds the whole body, where each item brings its own.
    field: str | None = None

    def body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The request's body. Raises MissingPath."""
        if self.field is not None:
            return _whole(values, self.field)
        return {**self.fixed, **{name: _render(part, values) for name, part in self.asked.items()}}

    @property
    def model(self) -> str | None:
        return self.fixed.get("model")


@dataclass(frozen=True, slots=True)
class Split:
    """Cut the text of `field` into pieces of at most `max_tokens`, each of which begins with the last
    `overlap` tokens of the one before, and carries the texts of its neighbours."""

    field: str
    max_tokens: int
    overlap: int
    previous: int
    next: int


@dataclass(frozen=True, slots=True)
class Map:
    """A chain of requests to each item."""

    links: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Reduce:
    """Bring each group of neighbours that agree in the field `by` down to one item; None: all of them."""

    ask: Ask
    by: str | None
    each: Template
    join: str
    max_input_tokens: int


@dataclass(frozen=True, slots=True)
class Step:
    id: str
    does: Split | Map | Reduce
    policy: Policy
    #: Whether items that failed here go on to the next step, with their error.
    include_errors: bool

    @property
    def links(self) -> tuple[Ask, ...]:
        """The requests that one member is made of."""
        match self.does:
            case Map(links):
                return links
            case Reduce(ask):
                return (ask,)
        return ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole pipeline."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Definition:
        """Raises BadMessage that names each fault with its place, such as `steps[1].map.request.prompt`."""
        check(Pipeline, body)
        if (size := len(canonical(body))) > DEFINITION_LIMIT:
            raise BadMessage(f"The definition has {size} bytes: at most {DEFINITION_LIMIT} are taken.")
        maker = _Maker()
        steps = tuple(maker.step(step, f"steps[{number}]") for number, step in enumerate(body["steps"]))
        maker.check_ids(steps)
        if maker.faults:
            raise BadMessage("; ".join(maker.faults[:3]) + ".")
        return cls(steps)


@dataclass(slots=True)
class _Maker:
    """Makes the parts, and notes what the schema cannot see."""

    faults: list[str] = field(default_factory=list)

    def step(self, body: Mapping[str, Any], place: str) -> Step:
        does = self._does(body, place)
        return Step(body["id"], does, Policy.of(body), body.get("failed_items") == "include_error")

    def _does(self, body: Mapping[str, Any], place: str) -> Split | Map | Reduce:
        if "split" in body:
            return _split(body["split"])
        if "map" in body:
            return self._map(body["map"], f"{place}.map")
        return self._reduce(body["reduce"], f"{place}.reduce")

    def check_ids(self, steps: Sequence[Step]) -> None:
        seen: set[str] = set()
        for number, step in enumerate(steps):
            if step.id in seen:
                self.faults.append(f"`steps[{number}].id` is an earlier step's too: give each its own")
            seen.add(step.id)

    def _map(self, body: Mapping[str, Any], place: str) -> Map:
        first = self._ask(body, place, _ITEM)
        then = body.get("then", ())
        links = (self._ask(link, f"{place}.then[{number}]", _ITEM) for number, link in enumerate(then))
        return Map((first, *links))

    def _reduce(self, body: Mapping[str, Any], place: str) -> Reduce:
        ask = self._ask(body, place, _REDUCED)
        if ("inputs",) not in set(_paths(ask.asked)):
            self.faults.append(f"`{place}.request` must use {{{{inputs}}}}: there the joined items go")
        each = self._template(body.get("each", f"{{{{item.{ANSWER}}}}}"), f"{place}.each", _ITEM)
        join = body.get("join", "\n")
        return Reduce(ask, body.get("by"), each, join, body["max_input_tokens"])

    def _ask(self, body: Mapping[str, Any], place: str, roots: tuple[str, ...]) -> Ask:
        if "request_field" in body:
            return Ask({}, {}, body.get("as", ANSWER), body["request_field"])
        request = body["request"]
        where = f"{place}.request"
        if "{{" in request.get("model", ""):
            self.faults.append(f"`{where}.model` may hold no template: only `prompt` and `messages` do")
        asked = {
            name: self._templates(request[name], f"{where}.{name}", roots)
            for name in ("prompt", "messages")
            if name in request
        }
        fixed = {name: value for name, value in request.items() if name not in asked}
        return Ask(fixed, asked, body.get("as", ANSWER))

    def _templates(self, value: Any, place: str, roots: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            return self._template(value, place, roots)
        if isinstance(value, dict):
            return {name: self._templates(part, f"{place}.{name}", roots) for name, part in value.items()}
        if isinstance(value, list):
            return [self._templates(part, f"{place}[{n}]", roots) for n, part in enumerate(value)]
        return value

    def _template(self, text: str, place: str, roots: tuple[str, ...]) -> Template:
        try:
            return Template.of(text, roots)
        except TemplateFault as fault:
            self.faults.append(f"`{place}` {fault}")
            return Template((text,), ())


def _split(body: Mapping[str, Any]) -> Split:
    gather = body.get("gather", {})
    overlap = body.get("overlap", 0)
    return Split(body["field"], body["max_tokens"], overlap, gather.get("previous", 0), gather.get("next", 0))


def _whole(values: Mapping[str, Any], field: str) -> dict[str, Any]:
    found = look_up(values, (*_ITEM, field))
    if not isinstance(found, dict):
        raise MissingPath(".".join((*_ITEM, field)))
    return dict(found)


def _render(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Template):
        return value.render(values)
    if isinstance(value, dict):
        return {name: _render(part, values) for name, part in value.items()}
    return [_render(part, values) for part in value] if isinstance(value, list) else value


def _paths(value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Template):
        yield from value.paths
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _paths(part)
