"""What a failure's reason means to the person who asked, and what to do about it."""

from __future__ import annotations

from penstock.errors import Reason

EXPLAINED = {
    Reason.MALFORMED: "The message could not become a request. Correct it and publish it again.",
    Reason.CONFLICT: (
        "Another request was accepted under this id before, and stands. Publish this one under a new id."
    ),
    Reason.CONTENT_REFUSED: (
        "The model or the provider's content filter refused it. Asking again brings the same answer."
    ),
    Reason.PROVIDER_REJECTED: "The provider says that the request is wrong. Change it; use a new id.",
    Reason.ATTEMPTS_EXHAUSTED: (
        "Every allowed try ended without a usable answer. `penstock redrive` tries it once more."
    ),
    Reason.DEADLINE_EXCEEDED: (
        "No answer came before its deadline. `penstock redrive` tries it with a new one."
    ),
    Reason.BUDGET_EXHAUSTED: (
        "A budget let no call start, so nothing was paid. `penstock budget list` says what is left; after "
        "`penstock budget set`, `penstock redrive` tries it once more."
    ),
    Reason.CALLBACK_UNDELIVERABLE: (
        "Its endpoint took no callback in three days; the result itself is there. Mend the endpoint, then "
        "`penstock callback replay`."
    ),
    Reason.INTERNAL: "Penstock itself failed on it; its logs say how. `penstock redrive` tries it once more.",
    Reason.CANCELLED: "Its run had ended before it was asked; `penstock run redrive` asks it.",
    Reason.UNDELIVERABLE: (
        "Nobody answered its deliveries until Pub/Sub gave up. `penstock redrive` puts it back."
    ),
}


def explain(reason: str) -> str:
    """One or two sentences; empty for a reason of a later version."""
    try:
        return EXPLAINED[Reason(reason)]
    except ValueError:
        return ""
