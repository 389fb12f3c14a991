"""Which dead letters an operator means, as the command line says it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from penstock.errors import Reason
from penstock.messages.envelope import parse_time
from penstock.messages.request import LONGEST_WAIT_S, REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault
from penstock.redriving.options import Options
from penstock_ops.terminal.durations import seconds
from penstock_ops.terminal.faults import Misuse


def options(
    *, reasons: Sequence[str], tenant: str | None, ids: Sequence[str], since: str | None, until: str | None,
    max_wait: str | None, rate: float, price: str | None, force: bool,
) -> Options:  # fmt: skip
    """Raises Misuse for what cannot be meant."""
    known = sorted(reason.value for reason in Reason)
    for reason in reasons:
        if reason not in known:
            raise Misuse(f"--reason {reason!r} is none; the reasons are {', '.join(known)}.")
    if tenant is not None and (fault := id_fault(tenant, TENANT_LIMIT)):
        raise Misuse(f"--tenant {fault}.")
    for request_id in ids:
        if fault := id_fault(request_id, REQUEST_ID_LIMIT):
            raise Misuse(f"--id {fault}.")
    now = datetime.now(UTC)
    first, last = _moment("--since", since, now), _moment("--until", until, now)
    if first and last and first >= last:
        raise Misuse("--since must lie before --until: as it is, no letter can match.")
    wait_s = seconds(max_wait) if max_wait else None
    if wait_s is not None and not 0 < wait_s <= LONGEST_WAIT_S:
        raise Misuse("--max-wait must be more than nothing and at most 31d.")
    return Options(frozenset(reasons), tenant, frozenset(ids), first, last, wait_s, rate, price, force)


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """A time, or a duration before now."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError:
        pass
    try:
        return now - timedelta(seconds=seconds(text))
    except (Misuse, OverflowError):
        raise Misuse(
            f"{option} takes a time such as 2030-01-31T12:00:00Z, or 2h for two hours ago, not {text!r}."
        ) from None
