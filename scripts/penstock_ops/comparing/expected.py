"""What a comparison is expected to cost, before anybody is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from penstock.lanes.expected import expected_usage, price_usd
from penstock.lanes.speed import USUAL_OUTPUT
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request, decode_request
from penstock.services import Services
from penstock.targets.routes import Target
from penstock_ops.comparing.contestants import Contestants

#: Tokens of a judge's instructions and of its verdict, about.
_TOLD, _VERDICT = 150, 20


def expected_usd(s: Services, messages: Sequence[bytes], who: Contestants) -> float | None:
    """USD of all answers and all verdicts, none of them from a cache; None: the price book cannot tell."""
    now = s.clock.now()
    requests = [_request(s, data, now) for data in messages]
    sums = [_of_target(s, requests, target) for target in who.targets]
    if who.judge is not None:
        sums.append(_of_judge(s, requests, who.judge, len(who.targets) - 1))
    if who.grader is not None:
        sums.append(_of_judge(s, requests, who.grader, len(who.targets) - 1, orders=1))
    return None if None in sums else sum(usd for usd in sums if usd is not None)


def _request(s: Services, data: bytes, now: datetime) -> Request:
    return decode_request(Envelope(data, {}, "0", now, ""), default_wait_s=s.timing.default_wait_s)


def _of_target(s: Services, requests: Sequence[Request], target: Target) -> float | None:
    each = [price_usd(s.prices, target, expected_usage(one, target, USUAL_OUTPUT)) for one in requests]
    return None if None in each else sum(usd for usd in each if usd is not None)


def _of_judge(
    s: Services, requests: Sequence[Request], judge: Target, others: int, orders: int = 2
) -> float | None:
    """Verdicts for each question and each target beside the baseline, in so many `orders`."""
    total = 0.0
    for one in requests:
        usage = expected_usage(one, judge, _VERDICT)
        usage = replace(usage, prompt_tokens=usage.prompt_tokens + 2 * USUAL_OUTPUT + _TOLD)
        usd = price_usd(s.prices, judge, usage)
        if usd is None:
            return None
        total += orders * others * usd
    return total
