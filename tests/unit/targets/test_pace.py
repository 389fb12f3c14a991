"""Shared limits as people write them: read, or refused in a sentence that says what to change."""

from __future__ import annotations

import pytest

from penstock.errors import SettingsError
from penstock.settings import read_settings
from penstock.targets.pace import Pace, touching, weights
from penstock.targets.pace_faults import parse_paces, unknown_targets
from penstock.targets.routes import Target


def test_what_is_written_is_what_holds() -> None:
    text = '[{"scope": "target:nano", "rpm": 60, "tpm": 9000}, {"scope": "tenant:acme", "weight": 3}]'
    paces = parse_paces(text, "P")
    assert paces == (Pace("target:nano", 60, 9000), Pace("tenant:acme", weight=3))
    assert touching(paces, "acme", "nano") == (paces[0],)
    assert touching(paces, "acme", "mini") == ()
    assert weights(paces) == {"acme": 3}
    assert str(paces[0]) == "the limit of 60 calls and 9,000 tokens a minute of target:nano"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('{"scope": "target:a", "rpm": 0}', "rpm is 0, under which nothing would ever be called"),
        ('{"scope": "target:a", "tpm": -1}', "tpm -1 must be a whole number from 1 to 1,000,000,000."),
        ('{"scope": "target:a", "rpm": 1.5}', "rpm 1.5 must be a whole number"),
        ('{"scope": "target:a", "rpm": true}', "rpm True must be a whole number"),
        ('{"scope": "all", "rpm": 1}', "scope 'all' is unknown: write target:NAME or tenant:NAME."),
        ('{"rpm": 1}', "scope None is unknown"),
        ('{"scope": "target:", "rpm": 1}', "is unknown"),
        ('{"scope": "tenant:a b", "rpm": 1}', "the tenant"),
        ('{"scope": "target:a"}', "it says nothing: give it rpm"),
        ('{"scope": "target:a", "weight": 2}', "a weight is a tenant's: write it at tenant:NAME."),
        ('{"scope": "tenant:a", "weight": 0}', "weight 0 must be a number from 0.01 to 1000"),
        ('{"scope": "tenant:a", "weight": NaN}', "weight nan must be a number"),
        ('{"scope": "target:a", "rpm": 1, "burst": 5}', "'burst' is no field of a limit"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(entry: str, told: str) -> None:
    with pytest.raises(SettingsError, match="P: entry 1: ") as refused:
        parse_paces(f"[{entry}]", "P")
    [fault] = refused.value.faults
    assert told in fault


@pytest.mark.parametrize("text", ["on", "{}", "[1]", "[" * 5000, '"off"'])
def test_what_is_no_list_of_limits_says_what_one_is(text: str) -> None:
    with pytest.raises(SettingsError, match="P must be off, or a list such as"):
        parse_paces(text, "P")


def test_a_scope_is_named_once() -> None:
    with pytest.raises(SettingsError, match="target:a is named twice"):
        parse_paces('[{"scope": "target:a", "rpm": 1}, {"scope": "target:a", "tpm": 1}]', "P")
    with pytest.raises(SettingsError, match="'rpm' stands twice"):
        parse_paces('[{"scope": "target:a", "rpm": 1, "rpm": 2}]', "P")


def test_a_limit_of_a_target_that_no_route_has_is_told() -> None:
    targets = {"a": Target(name="a", provider="offline", model="m")}
    assert unknown_targets((Pace("target:a", 1), Pace("tenant:b", 1)), targets) == []
    [fault] = unknown_targets((Pace("target:b", 1),), targets)
    assert fault == "no route has the target 'b'; there are a."


def test_off_means_off() -> None:
    local = {"PENSTOCK_LOCAL": "/tmp/none"}
    assert read_settings(local).limits is None
    assert read_settings(local | {"PENSTOCK_LIMITS": "off"}).limits is None
    with pytest.raises(SettingsError, match="PENSTOCK_LIMITS: entry 1: rpm is 0"):
        read_settings(local | {"PENSTOCK_LIMITS": '[{"scope": "tenant:a", "rpm": 0}]'})
