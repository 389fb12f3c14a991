"""aibrix's metadata service with an engine behind it. Runs inside aibrix's environment only.

Its `--dry-run` needs no Kubernetes and keeps everything on this disk, but answers with an echo: the engine at
the first argument takes the echo's place. The other words go to aibrix.
"""

import sys

from aibrix.batch.client.sources.static import (  # type: ignore[import-not-found]  # in its environment only
    StaticEndpointSource,
)
from aibrix.metadata import app  # type: ignore[import-not-found]  # likewise

#: Lines at once to begin with, which it raises to eight times as many; seconds that one may take.
_WIDTH, _TIMEOUT_S = 2, 60.0


def main(engine: str, rest: list[str]) -> None:
    app.NoopEndpointSource = lambda: StaticEndpointSource(engine, capacity=_WIDTH, timeout=_TIMEOUT_S)
    sys.argv[1:] = rest
    app.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
