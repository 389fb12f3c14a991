"""An upload of unknown size to Cloud Storage, piece by piece: nothing is visible before its end.

The protocol: https://cloud.google.com/storage/docs/performing-resumable-uploads. Here and not by the SDK's
writer, which keeps the generation to itself and cannot go on after an answer that was lost.
"""

from __future__ import annotations

import base64
import random
import re
import time
from http import HTTPStatus
from typing import Any, Self

import google_crc32c
import requests

#: Answers after which the same bytes may be sent again.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes=0-(\d+)\Z")
#: Before the upload is asked how far it came, in seconds; spread, for all its like wait too.
_PAUSE_S = 0.2


class UploadRefused(Exception):
    """Cloud Storage will not take this upload; `str(error)` says what it answered."""


class GcsUpload:
    """One upload to the session `url`, which is a secret: who has it may write. Calls block, each for about
    `timeout_s` seconds at most; what a failure broke off goes on where it stopped. A context manager."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.generation = 0
        self._url = url
        self._timeout_s = timeout_s
        self._http = requests.Session()
        self._sent = 0
        self._crc: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]  # nor has it types

    def send(self, piece: bytes, *, last: bool) -> None:
        """Send a full piece, or the last one: then all of it becomes visible, as `generation`.

        Raises UploadRefused, RequestException.
        """
        self._crc.update(piece)
        if not last:
            self._send(piece, "*", {})
            return
        # The service compares it before it makes anything visible.
        checksum = {"x-goog-hash": f"crc32c={base64.b64encode(self._crc.digest()).decode()}"}
        made = self._send(piece, str(self._sent + len(piece)), checksum)
        self.generation = int(made["generation"])

    def cancel(self) -> None:
        """Throw away what was sent; unanswered is fine: the service forgets it within a week."""
        requests.delete(self._url, timeout=self._timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _send(self, piece: bytes, total: str, headers: dict[str, str]) -> Any:
        """Send until the service has all of `piece`; the object's metadata, once there is one."""
        start, end = self._sent, self._sent + len(piece)
        give_up = time.monotonic() + self._timeout_s
        while True:
            answer = self._put(piece[self._sent - start :], total, headers, give_up)
            if answer.status_code in (HTTPStatus.OK, HTTPStatus.CREATED):
                self._sent = end
                return answer.json()
            came, before = _came(answer), self._sent
            if not before <= came <= end:
                raise UploadRefused(f"of bytes {before} to {end} it has {came}")
            self._sent = came
            if came == end and total == "*":
                return None
            if came == before:
                if time.monotonic() >= give_up:
                    raise UploadRefused(f"it stays at byte {came} of {end}")
                _pause()

    def _put(self, rest: bytes, total: str, headers: dict[str, str], give_up: float) -> requests.Response:
        """Send `rest`; after a failure that may pass, ask how far the upload came until that is answered."""
        span = f"{self._sent}-{self._sent + len(rest) - 1}" if rest else "*"
        headers = {"Content-Range": f"bytes {span}/{total}", **headers}
        while True:
            # A third each: a connection that died unseen must not take the time of those after it.
            left_s = max(0.001, min(give_up - time.monotonic(), self._timeout_s / 3))
            try:
                answer = self._http.put(
                    self._url, data=rest, headers=headers, timeout=left_s, allow_redirects=False
                )
            except requests.RequestException:
                if time.monotonic() >= give_up:
                    raise
            else:
                if answer.status_code not in _PASSING or time.monotonic() >= give_up:
                    return answer
            rest, headers = b"", {"Content-Range": "bytes */*"}
            _pause()


def _came(answer: requests.Response) -> int:
    """How many bytes the service has. Raises UploadRefused when it says anything else."""
    if answer.status_code != HTTPStatus.PERMANENT_REDIRECT:
        raise UploadRefused(f"HTTP {answer.status_code}: {' '.join(answer.text.split())[:300]}")
    match = _RANGE.match(answer.headers.get("Range", ""))
    return int(match[1]) + 1 if match else 0


def _pause() -> None:
    time.sleep(_PAUSE_S * (0.5 + random.random()))  # noqa: S311 - no secret
