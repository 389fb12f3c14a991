"""How a route answers with similar questions' answers: how often that may be wrong, and who looks
(docs/similar.md)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

#: The embedder that runs beside us, and how many numbers it makes of a text.
LOCAL: Final = "local"
LOCAL_DIMENSION: Final = 512
#: What OpenAI's text-embedding-3-small makes, unless it is asked for fewer.
HOSTED_DIMENSION: Final = 1536
#: Firestore takes no longer vectors.
MOST_NUMBERS: Final = 2048

_Named = Annotated[str, Field(min_length=1, max_length=128)]


class Similar(BaseModel):
    """Only for requests that say so themselves, and only once evidence says that it may."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    #: The share of the answers given so that may be wrong.
    max_wrong: float = Field(gt=0, lt=1)
    #: `local`, or the name of a target, of any route, that is an embedding model.
    embedder: _Named
    #: How many numbers it makes of a text; None: what is usual.
    dimension: int | None = Field(default=None, ge=1, le=MOST_NUMBERS)
    #: The name of a target that is asked before an answer is given whether it serves both questions.
    verifier: _Named | None = None
    #: The name of a target, or of a route, that says later whether an answer would have been wrong; None:
    #: only an equal answer is right.
    judge: _Named | None = None
    #: Which share of the answers is judged once they are given, after the first 500.
    audit: float = Field(default=0.05, gt=0, le=1)
    #: How many questions are kept of a kind, at most: a look-up reads them all.
    cap: int = Field(default=2_000, ge=1, le=10_000)

    @property
    def numbers(self) -> int:
        """The dimension of its vectors, and so of the index."""
        return self.dimension or (LOCAL_DIMENSION if self.embedder == LOCAL else HOSTED_DIMENSION)
