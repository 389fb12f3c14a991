"""Access tokens: to Google alone; replaced in time however long they live. Given a source of our own."""

from __future__ import annotations

import pytest

from penstock.adapters.providers.access_token import AccessTokenKey
from penstock.adapters.providers.token_key import REFRESH_BEFORE_S, Token
from penstock.errors import SecretError
from penstock.targets.access import may_have_access_token

FOLDER = "/v1/projects/p/locations/global/endpoints/openapi"
GOOGLE = "https://aiplatform.googleapis.com" + FOLDER
START = 1_800_000_000.0


class Clock:
    """Tokens that live `life_s` by a clock that stands still until it is moved."""

    def __init__(self, life_s: float) -> None:
        self.now, self.life_s, self.issued = START, life_s, 0

    def source(self) -> Token:
        self.issued += 1
        return Token(f"ya29.{self.issued}", self.now + self.life_s)

    def key(self) -> AccessTokenKey:
        return AccessTokenKey(GOOGLE, source=self.source, now=lambda: self.now)


@pytest.mark.parametrize(
    "url",
    [
        GOOGLE,
        "https://europe-west4-aiplatform.googleapis.com" + FOLDER,
        "https://aiplatform.eu.rep.googleapis.com:443" + FOLDER,
        "https://generativelanguage.googleapis.com",
    ],
)
def test_google_gets_it(url: str) -> None:
    assert may_have_access_token(url, in_cloud=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://aiplatform.googleapis.com" + FOLDER,
        "https://api.openai.com/v1",
        "https://googleapis.com.example.com/v1",
        "https://evilgoogleapis.com/v1",
        "https://example.com/?x=.googleapis.com/",
        "https://example.com#.googleapis.com/",
        "https://aiplatform.googleapis.com@example.com/v1",
        "https://example.com\\@aiplatform.googleapis.com/v1",
        "https://a.googleapis.com\n.example.com/",
        GOOGLE + "\n",
        "https://aiplatform.googleapis.com:8443/v1",
        "HTTPS://aiplatform.googleapis.com/v1",
        "//aiplatform.googleapis.com/v1",
        "",
    ],
)
@pytest.mark.parametrize("in_cloud", [True, False])
def test_nobody_else_gets_it(url: str, in_cloud: bool) -> None:
    assert not may_have_access_token(url, in_cloud=in_cloud)
    with pytest.raises(SecretError, match=r"googleapis\.com alone"):
        AccessTokenKey(url, in_cloud=in_cloud)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/v1", "http://localhost/v1", "http://[::1]:8/v1"])
def test_a_stand_in_on_this_machine_gets_it_but_not_in_the_cloud(url: str) -> None:
    assert may_have_access_token(url, in_cloud=False)
    assert not may_have_access_token(url, in_cloud=True)
    assert not may_have_access_token(url.replace("://", "://x."), in_cloud=False)


async def test_an_hours_token_is_kept_until_shortly_before_its_end() -> None:
    clock = Clock(3600)
    key = clock.key()
    first = await key.value()
    clock.now += 3600 - REFRESH_BEFORE_S - 1
    assert await key.value() == first
    clock.now += 1
    assert await key.value() == "ya29.2"


@pytest.mark.parametrize("life_s", [300, 60, 2])
async def test_one_that_ends_soon_is_kept_for_half_its_life(life_s: float) -> None:
    clock = Clock(life_s)
    key = clock.key()
    await key.value()
    clock.now += life_s / 2 - 0.5
    assert await key.value() == "ya29.1"
    clock.now += 0.5
    assert await key.value() == "ya29.2"


async def test_after_a_401_another_one_is_fetched() -> None:
    key = Clock(3600).key()
    await key.value()
    assert await key.reload() is True
    assert await key.value() == "ya29.2"


async def test_it_is_never_shown() -> None:
    key = Clock(3600).key()
    assert "ya29" not in f"{await key.value() and key!r} {key} {Token('ya29.x', None)!r}"
