"""A console on a folder in which requests fail, as a browser speaks to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from penstock.console.asked import Call
from penstock.console.desk import Desk
from penstock.console.page import Page
from penstock.console.site import page
from penstock.console.who import Role, Who
from penstock.operating import desk_of
from penstock.settings import read_settings
from tests.unit.ops.redriving.redrive_stage import Folder

HOST = "127.0.0.1:8080"


class Console:
    """One browser before the console of `folder`: it keeps the cookie, and sends its own origin."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = Folder(folder, **env)
        settings = read_settings({"PENSTOCK_LOCAL": str(folder), "PENSTOCK_CONSOLE": "local"} | env)
        self.desk: Desk = desk_of(settings, self.folder.services)
        self.cookie = ""

    def seen_by_a_viewer(self) -> None:
        async def who(_: Mapping[str, str]) -> Who:
            return Who("eve@example.com", Role.VIEWER)

        self.desk = replace(self.desk, who=who)

    async def get(self, address: str) -> tuple[int, str]:
        path, _, query = address.partition("?")
        shown = await self._call("GET", path, query.encode(), b"", {})
        return shown.status, shown.body.decode()

    async def post(self, path: str, form: Any, **headers: str) -> Page:
        ours = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"} | headers
        return await self._call("POST", path, b"", urlencode(form).encode(), ours)

    async def token(self) -> str:
        """Of a page with a form, as it was shown."""
        _, text = await self.get("/letters")
        found = re.search(r'name="token" value="([^"]+)"', text)
        assert found, text
        return found[1]

    async def _call(
        self, method: str, path: str, query: bytes, body: bytes, headers: Mapping[str, str]
    ) -> Page:
        named = {"host": HOST} | ({"cookie": self.cookie} if self.cookie else {}) | dict(headers)
        shown = await page(self.desk, Call(method, path.encode(), query, named, body))
        if given := shown.headers.get("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        return shown
