"""The console in a real browser: from a failure to its life, what waits without a reload, and axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.browser import browser
from tests.acceptance.console_shown import PAGES, REFUSED, console, redrive
from tests.acceptance.penstock_command import Operator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def no_violations(page: Any) -> None:
    """axe finds nothing on what `page` shows."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # not typed there

    found = Axe().run(page).response["violations"]
    assert [(page.url, one["id"], one["nodes"][0]["html"]) for one in found] == []


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Operator, str]]:
    folder: Path = tmp_path_factory.mktemp("console") / "penstock"
    with console(folder) as (shell, address), browser() as chromium:
        yield chromium, shell, address


def test_from_a_failure_to_its_life_and_what_was_asked(shown: tuple[Any, Operator, str]) -> None:
    chromium, shell, address = shown
    page = chromium.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.get_by_role("link", name="Find").click()
    page.get_by_label("state").select_option("failed")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url(lambda url: "state=failed" in url)
    page.get_by_role("link", name="refused-by-the-provider").click()
    page.get_by_text("provider_rejected").first.wait_for()
    page.get_by_role("link", name="Show what was asked").click()
    assert "Name a river." in page.locator("pre").inner_text()

    # What comes while one looks is seen without a reload.
    page.goto(address)
    shell.run("publish", "--model", "middle", "--id", "came-later", "Name a sea.")
    page.get_by_role("link", name="came-later").wait_for(timeout=20_000)
    # By the keyboard alone: the first stop leads past the navigation.
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the page"
    assert said == []


def test_a_selection_is_redriven_and_seen_to_complete(shown: tuple[Any, Operator, str]) -> None:
    chromium, shell, address = shown
    page = chromium.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    redrive(page, address, REFUSED[:2], lambda _: no_violations(page))
    page.get_by_text("2 redriven").first.wait_for()
    page.get_by_role("link", name="Dead letters").click()
    page.get_by_label(f"Choose {REFUSED[2]}").wait_for()
    assert page.get_by_label(f"Choose {REFUSED[0]}").count() == 0
    page.get_by_role("link", name="Actions").click()
    page.get_by_role("row").filter(has_text="2 redriven").get_by_text("local").wait_for()
    assert shell.run("get", REFUSED[0]).code == 0
    assert said == []


def test_a_run_says_how_far_it_is_and_what_failed(shown: tuple[Any, Operator, str]) -> None:
    chromium, _, address = shown
    page = chromium.new_page()
    page.goto(address)
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="label-tickets").click()
    page.get_by_text("succeeded").wait_for(timeout=20_000)
    page.get_by_role("link", name="Show the items that failed").click()
    page.get_by_role("row").filter(has_text="T-2").get_by_text("template_error").wait_for()
    page.reload()
    page.get_by_role("button", name="redrive").click()
    page.get_by_role("link", name="Actions").click()
    page.get_by_role("row").filter(has_text="redrive a run").get_by_text("done").wait_for()


def test_from_the_budgets_to_a_bill_and_from_a_batch_to_a_life(shown: tuple[Any, Operator, str]) -> None:
    chromium, _, address = shown
    page = chromium.new_page()
    page.goto(address)
    page.get_by_role("link", name="Money").click()
    budget = page.get_by_role("region", name="Budgets").get_by_role("row").filter(has_text="tenant:default")
    budget.get_by_text("$1.200000").wait_for()
    page.get_by_role("region", name="Bills").get_by_role("link").first.click()
    differences = page.get_by_role("region", name="Differences")
    differences.wait_for()
    causes = differences.get_by_role("rowheader").all_inner_texts()
    assert causes == ["day edge", "calls that may have been paid", "rate", "tax and discount"]
    page.get_by_role("link", name="Batches").click()
    page.get_by_role("link", name="nightly-1").click()
    page.get_by_role("link", name="answered").click()
    page.get_by_text("result: completed").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shown: tuple[Any, Operator, str], scheme: str) -> None:
    chromium, _, address = shown
    page = chromium.new_page(color_scheme=scheme)
    for path in (*PAGES.values(), "nothing", "request/default/answered?show=answer"):
        page.goto(address + path)
        no_violations(page)
