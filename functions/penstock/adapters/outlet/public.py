"""Which IP addresses are on the internet: everything else is somebody's inside, ours above all.

Sources: the IANA registries of special-purpose addresses (RFC 6890), https://www.iana.org/assignments/. An
address that carries another one (mapped, 6to4, Teredo, NAT64 …) is as public as the one that it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

#: Python's own `is_global` passes multicast, 6to4's relays, and some of what is reserved.
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
)
#: All that is assigned for global unicast; nothing outside it is public.
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
#: Networks whose addresses end in an IPv4 address: mapped, compatible, translated, NAT64 by everybody's
#: prefix and by a network's own (RFC 4291, 2765, 6052, 8215).
_ENDS_IN_4: Final = tuple(
    IPv6Network(network) for network in ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_OWN_NAT64: Final = IPv6Network("64:ff9b:1::/48")
#: The middle of an ISATAP address (RFC 5214), whatever its network.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
_LOW_32: Final = 0xFFFFFFFF


def is_public(text: str) -> bool:
    """Whether the address that is dialled, as the system writes it, is on the internet."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_4(address)
    carried = list(_carried(address))
    if carried:
        return all(_is_public_4(inner) for inner in carried)
    in_unicast = address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)
    return in_unicast and not _is_isatap(address)


def is_loopback(text: str) -> bool:
    """Whether the address is this machine's own, as the system writes it."""
    return text == "::1" or text.startswith("127.")


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_4)


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that `address` leads to; none: it is its own."""
    whole = int(address)
    if any(address in network for network in _ENDS_IN_4):
        yield IPv4Address(whole & _LOW_32)
    if address in _OWN_NAT64:
        yield IPv4Address(0)  # where a network's own translation ends, it alone knows
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & _LOW_32 in _ISATAP
