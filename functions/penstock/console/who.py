"""Who sits before the console, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from penstock.console.page import Wrong
from penstock.errors import NotLetIn

#: Where Identity-Aware Proxy says who came (https://cloud.google.com/iap/docs/signed-headers-howto).
_ASSERTION: Final = "x-goog-iap-jwt-assertion"
_HERE: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Role(StrEnum):
    """What somebody may do."""

    #: See everything but what was asked and answered.
    VIEWER = "viewer"
    #: See that too, redrive, and tell runs what to do.
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody, by the name that the audit log has for them."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        return self.role is Role.OPERATOR


#: Tells from a request's headers, their names in lower case, who sent it. Raises Wrong.
Doorkeeper = Callable[[Mapping[str, str]], Awaitable[Who]]


async def at_this_machine(headers: Mapping[str, str]) -> Who:
    """Whoever sits at this machine. A name of somebody else's that leads here belongs to a page that wants
    to read ours."""
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    if name not in _HERE:
        raise Wrong(421, "Open the console by its own address: 127.0.0.1.")
    return Who("local", Role.OPERATOR)


def behind_iap(checked: Callable[[str], Awaitable[str]], operators: frozenset[str]) -> Doorkeeper:
    """Whoever Identity-Aware Proxy let in; `checked` gives the address that an assertion of its proves."""
    known = frozenset(address.lower() for address in operators)

    async def who(headers: Mapping[str, str]) -> Who:
        try:
            address = await checked(headers.get(_ASSERTION, ""))
        except NotLetIn as error:
            raise Wrong(401, str(error)) from None
        return Who(address, Role.OPERATOR if address.lower() in known else Role.VIEWER)

    return who
