"""Links to long answers: what is signed, for how long, and by whom."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import storage  # type: ignore[attr-defined]  # the library publishes no types
from google.oauth2 import service_account

from penstock.adapters.blobs.folder import FolderBlobs
from penstock.adapters.blobs.gcs import BucketBlobs
from penstock.errors import BlobMissing
from penstock.messages.completion import BlobRef
from penstock.timing import Timing

WEEK_S = Timing().link_s


def signing(name: str) -> service_account.Credentials:
    """The account `name`, with a key of its own at hand."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    info = {
        "client_email": f"{name}@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": pem.decode(),
    }
    made: service_account.Credentials = service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]  # the SDK's gap
    return made


async def test_a_link_to_the_bucket_is_signed_for_a_week() -> None:
    blobs = BucketBlobs("b", project="p")
    blobs._client = storage.Client(project="p", credentials=signing("courier"))
    ref = BlobRef("gs://b/tenants/acme/completions/0a.json", 1, "0a")
    url = urlsplit(await blobs.link(ref, lasts_s=WEEK_S, timeout_s=5))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc) == ("https", "storage.googleapis.com")
    assert url.path == "/b/tenants/acme/completions/0a.json"
    assert query["X-Goog-Expires"] == ["604800"]
    assert query["X-Goog-Credential"][0].startswith("courier@p.iam.gserviceaccount.com/")
    assert query["X-Goog-Signature"][0]
    with pytest.raises(BlobMissing):
        await blobs.link(BlobRef("gs://other/a", 1, "0a"), lasts_s=WEEK_S, timeout_s=5)
    await blobs.close()


async def test_a_link_on_this_machine_is_its_file(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    ref = await blobs.put("tenants/acme/told/0a.json", b"{}", timeout_s=5)
    url = await blobs.link(ref, lasts_s=WEEK_S, timeout_s=5)
    assert Path(urlsplit(url).path).read_bytes() == b"{}"
