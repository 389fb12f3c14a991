"""The console on a stack that has something to show.

`python -m tests.acceptance.console_shown docs` takes its pictures.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance import traced
from tests.acceptance.browser import browser
from tests.acceptance.penstock_command import Operator, openai_server

#: Name of the picture => the page.
PAGES = {
    "now": "",
    "find": "find?state=failed",
    "life": f"request/default/{traced.ID}",
    "money": "money",
}


@contextmanager
def console(folder: Path) -> Iterator[tuple[Operator, str]]:
    """Requests that completed, fell back, failed and wait, on a running stack; and the console's address."""
    with openai_server("--latency", "0.1") as url:
        by_model = {"gpt-5.4-nano": "status code=500", "gpt-5.4-mini": "status code=503"}
        traced.order(url, by_model=by_model)
        shell = Operator.at(folder, PENSTOCK_ROUTES=traced.routes(f"{url}/v1"))
        with shell.dev() as dev:
            done = shell.run(
                "publish", "--wait", "--model", "large", "--id", "answered", "Why is the sky blue?"
            )
            assert done.code == 0, done.err
            shell.run("publish", "--wait", "--id", traced.ID, "Which river is the longest?")
            wrong = "Name a river. [do:status code=400]"
            shell.run("publish", "--wait", "--model", "large", "--id", "refused-by-the-provider", wrong)
            shell.run("publish", "--model", "middle", "--id", "waits-for-a-busy-model", "Name a lake.")
            yield shell, dev.ready["urls"]["console"]


def main(folder: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as scratch,
        console(Path(scratch) / "penstock") as (_, address),
        browser() as chromium,
    ):
        page = chromium.new_page(viewport={"width": 1200, "height": 560})
        for name, path in PAGES.items():
            page.goto(address + path)
            if name == "now":
                page.get_by_role("link", name="waits-for-a-busy-model").wait_for()
            page.screenshot(path=folder / f"console-{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
