"""Paces: how many calls and tokens a minute a target takes or a tenant may have, and a tenant's weight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from penstock.money.limits import TARGET, TENANT

RPM: Final = "rpm"
TPM: Final = "tpm"
#: The document of what an operator sets about turns: the tenants' weights, over those of the settings.
TURNS_PATH: Final = "control/turns"
#: A tenant that nobody gave a weight.
PLAIN_WEIGHT: Final = 1.0


class Pace(NamedTuple):
    """At most `rpm` calls and `tpm` tokens a minute for `scope`, however many instances call; None: as many
    as there are. `weight`: a tenant's share beside that of others, where they wait for the same pace."""

    scope: str
    rpm: int | None = None
    tpm: int | None = None
    weight: float | None = None

    @property
    def limits(self) -> bool:
        """Whether it says more than a weight."""
        return self.rpm is not None or self.tpm is not None

    def __str__(self) -> str:
        rates = ((self.rpm, "calls"), (self.tpm, "tokens"))
        told = [f"{rate:,} {what}" for rate, what in rates if rate is not None]
        return f"the limit of {' and '.join(told)} a minute of {self.scope}"


def touching(paces: Iterable[Pace], tenant: str, target: str) -> tuple[Pace, ...]:
    """The paces that a call to `target` is under."""
    ours = (f"{TENANT}{tenant}", f"{TARGET}{target}")
    return tuple(pace for pace in paces if pace.limits and pace.scope in ours)


def weights(paces: Iterable[Pace]) -> dict[str, float]:
    """The tenants' weights that the settings name."""
    return {pace.scope.removeprefix(TENANT): pace.weight for pace in paces if pace.weight is not None}
