"""`penstock key`, and the key that `penstock dev` prints."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from tests.acceptance.door.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def status(door: Served, key: str) -> int:
    request = urllib.request.Request(f"{door.url}/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_key_is_made_rotated_listed_and_revoked(door: Served) -> None:
    first = door.new_key("shop", "--tenant", "acme", "--scope", "read", "--expires", "90d")
    second = door.shell.run("key", "rotate", "shop", "--grace", "1h", "--json").json["key"]
    # An instance that knew the key before would look again within seconds: tests/unit/door/test_keys.py.
    assert [status(door, key) for key in (second, first)] == [200, 200]
    [listed] = [key for key in door.shell.run("key", "list", "--json").json if key["key_id"] == "shop"]
    assert (listed["scopes"], listed["live_secrets"], listed["state"]) == (["read"], 2, "live")
    assert door.shell.run("key", "revoke", "shop").code == 0
    [listed] = door.shell.run("key", "list", "--tenant", "acme", "--json").json
    assert listed["state"] == "revoked"
    assert first.partition(".")[2] not in door.shell.run("key", "list").out


def test_devs_own_key_is_for_its_owner_and_nobodys_secret_is_stored(door: Served) -> None:
    file = door.folder / "door-key"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (door.key, 0o600)
    secret = door.key.partition(".")[2].encode()
    assert not [name for name in door.folder.glob("store.db*") if secret in name.read_bytes()]
    assert secret.decode() not in door.log()
