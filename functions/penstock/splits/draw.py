"""Which arm of an experiment a request belongs to: the same one whoever asks, and however often. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping


def drawn(experiment: str, weights: Mapping[str, float], tenant: str, request_id: str) -> str:
    """The arm of (tenant, request_id): each with the probability of its weight among all `weights`, which are
    above zero.

    The experiment's name is the key of the draw, so that the arms of two experiments have nothing to do with
    each other, and nobody lands in the smaller arm of every one.
    """
    mark = hmac.digest(experiment.encode(), f"{tenant}/{request_id}".encode(), "sha256")
    place = int.from_bytes(mark[:8]) / 2**64 * sum(weights.values())
    for arm, weight in weights.items():
        place -= weight
        if place < 0:
            return arm
    return next(reversed(list(weights)))  # what rounding left over
