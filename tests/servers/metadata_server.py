"""Google's metadata server, as far as its documentation goes: facts, ID tokens, access tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from typing import Self

from aiohttp import web

#: `default`, or the account by its address, as who has once asked goes on.
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/{account}/"
_FLAVOR = {"Metadata-Flavor": "Google"}


class MetadataServer:
    """On a free port of this machine. `GET /` to be found; nothing else without the header Metadata-Flavor.

    `statuses` are given, one a token, before any succeeds; `life_s` is how long an access token is said to
    live; `slow_s` is waited before each. `issued` are the access tokens, `audiences` what ID tokens were for.
    """

    def __init__(self) -> None:
        self.audiences: list[str] = []
        self.issued: list[str] = []
        self.scopes: list[str] = []
        self.statuses: list[int] = []
        self.life_s = 3600
        self.slow_s = 0.0
        self.address = ""

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with this server in the place of Google's."""
        kept = {name: value for name, value in os.environ.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"}
        nowhere = {"CLOUDSDK_CONFIG": "/nonexistent"}  # the credentials of whoever runs the tests
        return kept | nowhere | {"GCE_METADATA_HOST": self.address, "GCE_METADATA_IP": self.address}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/", self._root)
        app.router.add_get("/computeMetadata/v1/project/project-id", self._project)
        app.router.add_get(_ACCOUNT, self._account)
        app.router.add_get(_ACCOUNT + "identity", self._identity)
        app.router.add_get(_ACCOUNT + "token", self._token)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = "{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _root(self, http: web.Request) -> web.Response:
        return web.Response(text="computeMetadata/\n", headers=_FLAVOR)

    async def _project(self, http: web.Request) -> web.Response:
        return web.Response(text="my-project-1", headers=_FLAVOR)

    async def _account(self, http: web.Request) -> web.Response:
        facts = {"aliases": ["default"], "email": "run@p.iam.gserviceaccount.com", "scopes": []}
        return web.json_response(facts, headers=_FLAVOR)

    async def _identity(self, http: web.Request) -> web.Response:
        if refused := await self._refused(http):
            return refused
        self.audiences.append(http.query["audience"])
        parts: list[dict[str, object]] = [{"alg": "RS256"}, {"aud": "x", "exp": int(time.time()) + 3600}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return web.Response(text=".".join([*encoded, "c2ln"]), headers=_FLAVOR)

    async def _token(self, http: web.Request) -> web.Response:
        if refused := await self._refused(http):
            return refused
        self.scopes.append(http.query.get("scopes", ""))
        self.issued.append(f"ya29.token-{len(self.issued) + 1}")
        body = {"access_token": self.issued[-1], "expires_in": self.life_s, "token_type": "Bearer"}
        return web.json_response(body, headers=_FLAVOR)

    async def _refused(self, http: web.Request) -> web.Response | None:
        if http.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403)
        await asyncio.sleep(self.slow_s)
        return web.Response(status=self.statuses.pop(0), headers=_FLAVOR) if self.statuses else None
