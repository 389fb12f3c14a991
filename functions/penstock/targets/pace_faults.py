"""Paces as people write them, and every fault of them in a sentence that says what to change."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.errors import SettingsError
from penstock.messages.named_once import NamedTwice, named_once
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.money.limits import TARGET, TENANT
from penstock.targets.pace import RPM, TPM, Pace
from penstock.targets.routes import Target

#: More than anybody sells in a minute; a larger number is a slip of the hand.
MOST: Final[Mapping[str, int]] = {RPM: 1_000_000, TPM: 1_000_000_000}
LEAST_WEIGHT: Final = 0.01
MOST_WEIGHT: Final = 1000.0
_KNOWN: Final = ("scope", RPM, TPM, "weight")
_FORM: Final = '[{"scope": "target:nano", "rpm": 60, "tpm": 90000}]'


def parse_paces(text: str, whose: str) -> tuple[Pace, ...]:
    """The paces of a JSON list of {scope, rpm, tpm, weight}. Raises SettingsError with every fault, each
    beginning with `whose`."""
    try:
        written = json.loads(text, object_pairs_hook=named_once)
    except NamedTwice as error:
        told = f"{whose}: the name {str(error)!r} stands twice in one object: only one can be meant."
        raise SettingsError([told]) from None
    except (ValueError, RecursionError):
        written = None
    if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
        raise SettingsError([f"{whose} must be off, or a list such as {_FORM}."])
    faults = [
        f"{whose}: entry {number}: {fault}"
        for number, entry in enumerate(written, 1)
        for fault in _faults(entry)
    ]
    scopes = [entry.get("scope") for entry in written]
    twice = {scope for scope in scopes if isinstance(scope, str) and scopes.count(scope) > 1}
    faults += [f"{whose}: {scope} is named twice: only one can be meant." for scope in sorted(twice)]
    if faults:
        raise SettingsError(faults)
    return tuple(Pace(**entry) for entry in written)


def unknown_targets(paces: tuple[Pace, ...], targets: Mapping[str, Target]) -> list[str]:
    """What a limit is set on and no route has."""
    named = (pace.scope.removeprefix(TARGET) for pace in paces if pace.scope.startswith(TARGET))
    there = ", ".join(sorted(targets))
    return [f"no route has the target {name!r}; there are {there}." for name in named if name not in targets]


def weight_fault(weight: Any) -> str:
    """What is no weight; empty: it is one."""
    number = isinstance(weight, int | float) and not isinstance(weight, bool) and math.isfinite(weight)
    if number and LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        return ""
    return f"weight {weight!r:.40} must be a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}; 1 is anybody's."


def _faults(entry: Mapping[str, Any]) -> Iterator[str]:
    unknown = sorted(entry.keys() - set(_KNOWN))
    yield from (f"{name!r} is no field of a limit: {', '.join(_KNOWN)} are." for name in unknown)
    scope = entry.get("scope")
    if fault := _scope_fault(scope):
        yield fault
    for name in (RPM, TPM):
        if name in entry and (fault := _rate_fault(name, entry[name])):
            yield fault
    if "weight" in entry:
        if fault := weight_fault(entry["weight"]):
            yield fault
        elif not str(scope).startswith(TENANT):
            yield "a weight is a tenant's: write it at tenant:NAME."
    if not entry.keys() & {RPM, TPM, "weight"}:
        yield "it says nothing: give it rpm (calls a minute), tpm (tokens a minute) or a tenant's weight."


def _scope_fault(scope: Any) -> str:
    if isinstance(scope, str):
        if scope.startswith(TARGET) and scope != TARGET:
            return ""
        if scope.startswith(TENANT):
            fault = id_fault(scope.removeprefix(TENANT), TENANT_LIMIT)
            return f"scope {scope!r:.100}: the tenant {fault}." if fault else ""
    return f"scope {scope!r:.80} is unknown: write target:NAME or tenant:NAME."


def _rate_fault(name: str, rate: Any) -> str:
    whole = isinstance(rate, int) and not isinstance(rate, bool)
    if whole and 1 <= rate <= MOST[name]:
        return ""
    if whole and rate == 0:
        return f"{name} is 0, under which nothing would ever be called: leave it out, or pause the calls."
    return f"{name} {rate!r:.40} must be a whole number from 1 to {MOST[name]:,}."
