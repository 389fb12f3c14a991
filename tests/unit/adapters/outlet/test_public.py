"""Which addresses are on the internet, whatever they are wrapped in; and what is no endpoint's address."""

from __future__ import annotations

import pytest

from penstock.adapters.outlet.public import is_loopback, is_public
from penstock.callbacks.endpoint import url_fault

PUBLIC = [
    *("8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
]
INSIDE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.31.0.1"),
    *("192.168.1.1", "192.0.0.192", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "203.0.113.9", "::", "::1", "fe80::1%eth0", "fe80::1", "fec0::1", "fd00:ec2::254"),
    *("ff02::1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::a9fe:a9fe", "::ffff:0:a9fe:a9fe"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1::808:808", "2002:a9fe:a9fe::1"),
    *("2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601", "2001:db8::1", "3fff::1", "100::1"),
    *("2606:4700::5efe:a9fe:a9fe", "2606:4700::200:5efe:a9fe:a9fe", "5f00::1", "no address", ""),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_is_on_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", INSIDE)
def test_is_somebodys_inside(address: str) -> None:
    assert not is_public(address)


def test_this_machine_is_known() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "10.0.0.1", "128.0.0.1")] == [
        True,
        True,
        False,
        False,
    ]


#: Eleven ways to write 169.254.169.254, and what else leads inside.
METADATA = [
    *("169.254.169.254", "169.254.169.254.", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376"),
    *("0xA9.0xFE.0xA9.0xFE", "169.254.43518", "169.16689662", "[::ffff:169.254.169.254]"),
    *("[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]"),
]
NO_HOSTS = [
    *("１６９.254.169.254", "169。254。169。254", "%31%36%39.254.169.254", "127.1", "localhost", "metadata"),
    *("metadata.google.internal", "printer.local", "user:word@crm.example.com", "crm.example.com:8443", ""),
    *("crm.example.com\\@169.254.169.254", "crm.example.com#@169.254.169.254", "[::1]", "[fe80::1%25eth0]"),
]


@pytest.mark.parametrize("host", [*METADATA, *NO_HOSTS])
def test_is_no_endpoint(host: str) -> None:
    assert url_fault(f"https://{host}/hooks", local=False)


@pytest.mark.parametrize("url", ["https://crm.example.com/hooks?a=b", "https://crm.example.com:443"])
def test_is_an_endpoint(url: str) -> None:
    assert url_fault(url, local=False) == ""


@pytest.mark.parametrize(
    "url",
    [
        *("http://crm.example.com/", "ftp://crm.example.com/", "crm.example.com", " https://crm.example.com"),
        *("https://a.b/ c", "https://[::1", "https://a.b:99999/", "https://a.b/" + "a" * 2048, ""),
    ],
)
def test_is_no_address_at_all(url: str) -> None:
    fault = url_fault(url, local=False)
    assert fault.endswith((".", "…"))


def test_a_system_on_this_machine_may_tell_this_machine() -> None:
    assert url_fault("http://127.0.0.1:9000/hooks", local=True) == ""
    assert url_fault("http://192.168.1.2:9000/hooks", local=True)
    assert url_fault("http://127.0.0.1:9000/hooks", local=False)
