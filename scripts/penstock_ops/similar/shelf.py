"""Stored questions and their vectors, searched as the stores search them: all, by cosine."""

from __future__ import annotations

import hashlib
import importlib
from typing import Any

from penstock_ops.similar.questions import Asked


class Shelf:
    """Up to `cap` questions. The place of each is its text's hash alone, as in production: a new one takes
    the place of an old one now and then, long before all places are taken."""

    def __init__(self, cap: int) -> None:
        self._numpy: Any = None
        self._kept: list[Asked | None] = [None] * cap
        self._vectors: Any = None

    def put(self, question: Asked, vector: Any) -> None:
        if self._vectors is None:
            self._numpy = importlib.import_module("numpy")
            self._vectors = self._numpy.zeros((len(self._kept), len(vector)), dtype="float32")
        place = int(hashlib.sha256(question.text.encode()).hexdigest()[:15], 16) % len(self._kept)
        self._kept[place], self._vectors[place] = question, vector

    def nearest(self, vector: Any, limit: int) -> list[tuple[Asked, float]]:
        """The nearest first. Vectors have the length 1."""
        if self._vectors is None:
            return []
        cosines = self._vectors @ vector
        places = self._numpy.argpartition(-cosines, limit)[:limit]
        found = sorted(((float(cosines[place]), int(place)) for place in places), reverse=True)
        kept = ((self._kept[place], cosine) for cosine, place in found)
        return [(question, cosine) for question, cosine in kept if question is not None]
