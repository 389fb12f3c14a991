"""What a delivery does with the document that it finds: claim, take over, go on, reopen, publish, nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.life.state import (
    CLAIMED,
    MAX_TAKEOVERS,
    Bounds,
    Doc,
    Late,
    Rules,
    State,
    Worker,
    again,
    end,
    put,
    write,
)

Step = tuple[str, State]


def look(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Read the document and do what the lifecycle table says."""
    if state.transient < bounds.transient and w.message in "RD":
        yield "CANNOT read, nacks", again(state, slot, w)._replace(transient=state.transient + 1)
    doc = state.doc
    if doc is not None and doc.writer == slot:
        yield "finds its claim", put(state, slot, _holding(doc))
    elif doc is None and w.message == "R":
        yield "finds nothing", put(state, slot, w._replace(pc="commit", fresh=True))
    elif doc is None or (w.message == "W" and not w.fence):
        yield "finds nothing to do", end(state, slot)
    elif w.message == "D" and (w.asks != doc.life or not rules.redrive_by_count):
        yield from _redriven(state, slot, w, doc, rules)
    elif doc.st == "T":
        republished = w.message == "R" and doc.life > 0  # the redrive's message is the request's own now
        ends = doc.confirmed and not republished
        yield "finds the end", end(state, slot) if ends else put(state, slot, delivering(w, doc, rules))
    elif (doc.st == "L" and not doc.live) or (doc.st == "P" and w.message == "W"):
        yield "goes on", put(state, slot, w._replace(pc="commit", fresh=True))
    else:
        yield "finds it in hands", end(state, slot)


def _redriven(state: State, slot: int, w: Worker, doc: Doc, rules: Rules) -> Iterator[Step]:
    """A redrive that asks for another life than the present one."""
    if w.asks != doc.life + 1 and rules.redrive_by_count:
        yield "finds another count", end(state, slot)
    elif doc.st != "T":
        yield "finds it in hands", end(state, slot)
    elif doc.result > 0:
        yield "publishes again", put(state, slot, delivering(w, doc, rules))
    elif doc.confirmed or not rules.redrive_waits:
        if doc.life + 1 < len(state.lives):
            yield "reopens", put(state, slot, w._replace(pc="commit", fresh=True, life=doc.life + 1))
        else:
            yield "finds no life left", end(state, slot)
    else:
        publishing = delivering(w, doc, rules)._replace(returns=rules.redrive_returns)
        yield "is too early", put(state, slot, publishing)


def commit(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Send the claim. Without the rule a reopening asks for no version."""
    new = _claimed(state.doc, slot, w)
    lands = w.fresh or (w.life > 0 and not rules.reopen_cas)
    looking = put(state, slot, w._replace(pc="look", fresh=False, life=0))
    if lands:
        yield "claims", put(write(state, new, slot, lines=1), slot, _holding(new))
    else:
        yield "lost the race", looking
    if state.transient < bounds.transient:
        spent = looking._replace(transient=state.transient + 1)
        yield "claim REFUSED", spent
        if lands:
            yield "claim's answer LOST", write(spent, new, slot, lines=1)
            if state.late is None:
                yield "claim goes LATE", spent._replace(late=Late(new, 1))


def _claimed(old: Doc | None, slot: int, w: Worker) -> Doc:
    """The next document (functions/penstock/requests/transitions.py), with the first call's line in it."""
    if old is None:
        return Doc("L", slot, live=True)
    if w.life:  # the life that a redrive opens
        return Doc("L", slot, live=True, life=w.life, fence=2)
    taken_over = old.st == "L"
    return old._replace(
        st="L", writer=slot, live=True, fence=2, takeovers=min(old.takeovers + taken_over, MAX_TAKEOVERS)
    )


def _holding(doc: Doc) -> Worker:
    return Worker(
        "ready", CLAIMED, fresh=True, life=doc.life, target=doc.target, tries=doc.tries,
        doomed=doc.takeovers >= MAX_TAKEOVERS,
    )  # fmt: skip


def delivering(w: Worker, doc: Doc, rules: Rules) -> Worker:
    """About to publish what `doc` holds: for a failure the dead letter first."""
    letter = doc.result < 0 and rules.letter_first
    return Worker(
        "letter" if letter else "publish", w.message, w.fence, w.asks, life=doc.life, result=doc.result
    )
