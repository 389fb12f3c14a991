"""The console on a stack that has something to show.

`python -m tests.acceptance.console_shown docs` takes its pictures.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance import console_money, traced
from tests.acceptance.browser import browser
from tests.acceptance.penstock_command import Operator, openai_server

#: Name of the picture => the page.
PAGES = {
    "now": "",
    "find": "find?state=failed",
    "life": f"request/default/{traced.ID}",
    "money": "money",
    "letters": "letters",
    "actions": "audit",
    "runs": "runs",
    "run": "run/default/label-tickets?show=failed",
    "bill": console_money.BILL,
    "batches": "batches",
    "batch": console_money.BATCH,
}
#: A run whose second item lacks what the template names.
RUN = {
    "run_id": "label-tickets",
    "pipeline": {
        "version": 1,
        "steps": [
            {
                "id": "label",
                "map": {"as": "label", "request": {"model": "large", "prompt": "Whose is {{item.text}}?"}},
                "tolerated_failure_count": 1,
            }
        ],
    },
    "items": [{"id": "T-1", "text": "a lost parcel"}, {"id": "T-2"}, {"id": "T-3", "text": "a wrong bill"}],
    "max_wait_s": 600,
}
#: Requests whose model refused them at first and would not any more.
REFUSED = ("refused-at-first-1", "refused-at-first-2", "refused-at-first-3")


@contextmanager
def console(folder: Path) -> Iterator[tuple[Operator, str]]:
    """Requests that completed, fell back, failed and wait, on a running stack; and the console's address."""
    with openai_server("--latency", "0.1") as url:
        by_model = {"gpt-5.4-nano": "status code=500", "gpt-5.4-mini": "status code=503"}
        traced.order(url, by_model=by_model)
        shell = Operator.at(
            folder, PENSTOCK_ROUTES=traced.routes(f"{url}/v1"), PENSTOCK_RUNS_TOPIC="llm-runs"
        )
        with shell.dev() as dev:
            traced.publish(folder, RUN, topic="llm-runs")
            for name in REFUSED:
                prompt = f"Name a hill. {name} [do:status code=400 times=1]"
                traced.publish(folder, {"prompt": prompt, "request_id": name, "model": "large"})
            done = shell.run(
                "publish", "--wait", "--model", "large", "--id", "answered", "Why is the sky blue?"
            )
            assert done.code == 0, done.err
            shell.run("publish", "--wait", "--id", traced.ID, "Which river is the longest?")
            wrong = "Name a river. [do:status code=400]"
            shell.run("publish", "--wait", "--model", "large", "--id", "refused-by-the-provider", wrong)
            shell.run("publish", "--model", "middle", "--id", "waits-for-a-busy-model", "Name a lake.")
            members = ["answered", "refused-by-the-provider", "waits-for-a-busy-model"]
            asyncio.run(console_money.stored(folder, members))
            yield shell, dev.ready["urls"]["console"]


def redrive(page: Any, address: str, names: Sequence[str], seen: Callable[[str], object]) -> None:
    """As an operator does it: from the group to the letters, the preview, and on until all have completed."""
    page.goto(address)
    page.get_by_role("link", name="Dead letters").click()
    page.get_by_role("link", name="provider_rejected").first.click()
    for name in names:
        page.get_by_label(f"Choose {name}").check()
    page.get_by_role("button", name="Look at redriving those chosen").click()
    page.get_by_text("calls to expect").wait_for()
    seen("preview")
    page.get_by_role("button", name=f"Do this with {len(names)} letters").click()
    for name in names:
        row = page.get_by_role("row").filter(has_text=name)
        row.get_by_text("completed").wait_for(timeout=20_000)
    seen("action")


def main(folder: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as scratch,
        console(Path(scratch) / "penstock") as (_, address),
        browser() as chromium,
    ):
        page = chromium.new_page(viewport={"width": 1200, "height": 560})
        redrive(
            page,
            address,
            REFUSED[:2],
            lambda name: page.screenshot(path=folder / f"console-{name}.png", full_page=True),
        )
        for name, path in PAGES.items():
            page.goto(address + path)
            if name == "now":
                page.get_by_role("link", name="waits-for-a-busy-model").wait_for()
            page.screenshot(path=folder / f"console-{name}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
