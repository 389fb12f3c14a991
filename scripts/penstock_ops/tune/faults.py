"""The one error that the tuner shows to its user."""

from __future__ import annotations


class TuneFault(Exception):
    """Something the user gave or pointed at cannot be used; the message says what to change."""
