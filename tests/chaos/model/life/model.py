"""One request over its lives: failure classes, fallback, dead letters, redrives.

The rules are those of docs/design.md §2.4 and §3.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.life.state import (
    EXHAUSTED,
    MAX_TAKEOVERS,
    MAX_TRIES,
    Bounds,
    Doc,
    Life,
    Rules,
    State,
    canonical,
)
from tests.chaos.model.life.steps import successors

#: The properties.
SURPLUS = "more calls in a life than 1 + faults in the window"
NO_LINE = "a call is missing in the ledger"
TOO_MANY_TRIES = "more ambiguous tries in a life than allowed"
GAVE_UP_EARLY = "attempts_exhausted before the tries were used up"
POISONED = "a call after too many take-overs"
MISKEYED = "an answer lies under another target's cache key"
NO_LETTER = "a failure is confirmed without its dead letter"
UNHEARD = "a life ended without its result published"
CHANGED = "a completed result changed, or a failed one without a higher redrive_count"
UNASKED = "a life that nobody asked for"


def life(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        # Two lives at least: a redrive that nobody may order must find one to open.
        first=State(lives=(Life(),) * (bounds.redrives + 1 + (bounds.redrives > 0))),
        successors=lambda state: successors(state, rules, bounds),
        canonical=canonical,
        calls=lambda state: sum(life.calls for life in state.lives),
        wrong_state=_wrong_state,
        wrong_step=_wrong_step,
        is_end=_is_end,
    )


def _wrong_state(state: State) -> Iterator[str]:
    lives = state.lives
    if any(life.calls > 1 + life.excused for life in lives):
        yield SURPLUS
    if state.spare < 0:
        yield NO_LINE
    if any(life.ambiguous > MAX_TRIES + state.fatal for life in lives):  # a death may lose one count
        yield TOO_MANY_TRIES
    if not (state.throttles or state.troubles) and any(life.calls > MAX_TAKEOVERS for life in lives):
        yield POISONED
    if state.miskeyed:
        yield MISKEYED
    if state.doc is not None:
        yield from _wrong_document(state, state.doc)


def _wrong_document(state: State, doc: Doc) -> Iterator[str]:
    life = state.lives[doc.life]
    if doc.st == "T" and doc.result == EXHAUSTED and life.ambiguous < MAX_TRIES:
        yield GAVE_UP_EARLY
    if doc.confirmed and doc.result < 0 and not life.letter:
        yield NO_LETTER
    if not all(life.sent for life in state.lives[: doc.life]):
        yield UNHEARD
    if doc.life > state.asked:
        yield UNASKED


def _wrong_step(state: State, step: State) -> Iterator[str]:
    before, now = state.doc, step.doc
    if before is None or before.st != "T" or now is None:
        return
    redriven = before.result < 0 and now.life == before.life + 1
    if not redriven and (now.st, now.result, now.life) != ("T", before.result, before.life):
        yield CHANGED


def _is_end(state: State) -> bool:
    """At rest, and every redrive that was ordered was carried out, or found an answer."""
    doc = state.doc
    return doc is not None and doc.confirmed and (doc.result > 0 or doc.life == state.asked)
