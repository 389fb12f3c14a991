"""How many examples Hypothesis takes: the same few on every run, or many others in scripts/test --all."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_LONG = "long"
_TIMES = 20

settings.register_profile(
    _LONG, max_examples=100 * _TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def examples(count: int) -> settings:
    """`count` examples, the same on every run; with the profile `long` twenty times as many, drawn anew."""
    if settings.get_current_profile_name() == _LONG:
        return settings(max_examples=count * _TIMES)
    return settings(derandomize=True, max_examples=count, deadline=None)
