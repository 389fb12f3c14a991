"""Waiting for what was started. Given a look of our own, and a clock that its pauses move."""

from __future__ import annotations

import time

import pytest

from penstock_ops.processes.awaited import awaited


class World:
    """Found at the look `found_at`, ended from the look `ended_at` on; `now` moves by the pauses alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, found_at: int = 0, ended_at: int = 999) -> None:
        self.looks, self.now = 0, 1000.0
        self._found_at, self._ended_at = found_at, ended_at
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def wait(self) -> str | None:
        return awaited(
            self._look,
            ended=self._ended,
            within_s=10.0,
            every_s=0.5,
            sleep=lambda pause_s: self._pass(pause_s),
        )

    def _look(self) -> str | None:
        self.looks += 1
        return "there" if self.looks == self._found_at else None

    def _ended(self) -> bool:
        return self.looks >= self._ended_at

    def _pass(self, pause_s: float) -> None:
        self.now += pause_s


def test_what_is_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, found_at=1)
    assert (world.wait(), world.now) == ("there", 1000.0)


def test_what_comes_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, found_at=4)
    assert (world.wait(), world.now) == ("there", 1001.5)


def test_what_has_ended_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, ended_at=3)
    assert (world.wait(), world.looks) == (None, 3)


def test_the_wait_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    assert world.wait() is None
    assert world.now == pytest.approx(1010.0, abs=0.5)


def test_what_a_look_raises_is_not_swallowed() -> None:
    def look() -> str | None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        awaited(look, ended=lambda: False, within_s=10.0)
