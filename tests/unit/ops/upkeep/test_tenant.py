"""`penstock tenant`: a tenant's weight, set and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock_ops.terminal.faults import Misuse
from penstock_ops.upkeep.tenant import list_weights, set_weight


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path))


async def _listed(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    capsys.readouterr()
    assert await list_weights(as_json=True) == 0
    return {row["tenant"]: row["weight"] for row in json.loads(capsys.readouterr().out)["tenants"]}


async def test_what_is_set_is_shown_over_what_the_settings_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{"scope": "tenant:acme", "weight": 2}, {"scope": "tenant:shop", "weight": 5}]
    monkeypatch.setenv("PENSTOCK_LIMITS", json.dumps(named))
    assert await set_weight("acme", 3.0, as_json=False) == 0
    assert await set_weight("other", 0.5, as_json=False) == 0
    assert await _listed(capsys) == {"acme": 3, "other": 0.5, "shop": 5}


async def test_without_any_the_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert await list_weights(as_json=False) == 0
    assert "Every tenant weighs 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tenant", "weight", "told"),
    [
        ("acme", 0.0, "weight 0.0 must be a number from 0.01"),
        ("a b", 1.0, "the tenant"),
        ("a", 1e9, "to 1000"),
    ],
)
async def test_what_is_no_weight_is_refused_and_nothing_is_changed(
    tenant: str, weight: float, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Misuse, match=told):
        await set_weight(tenant, weight, as_json=False)
    assert await _listed(capsys) == {}
