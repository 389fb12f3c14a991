"""The cloud blob store: a Cloud Storage bucket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound, RequestRangeNotSatisfiable
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.cloud import storage  # type: ignore[attr-defined]  # the library publishes no types
from google.cloud.storage.exceptions import (  # type: ignore[import-untyped]  # nor here
    DataCorruption,
    InvalidResponse,
)

from penstock.adapters.blobs.gcs_upload import GcsUpload, UploadRefused
from penstock.adapters.blobs.pieces import pieces
from penstock.errors import BlobMissing, BlobUnavailable
from penstock.messages.completion import BlobRef

T = TypeVar("T")

#: The client is synchronous and pools ten connections; more threads would only wait for one.
_THREADS = 10


class BucketBlobs:
    """The Blobs port on `gs://bucket`.

    `endpoint` is the URL of another server that speaks the JSON API, which is then asked without
    credentials; None: Cloud Storage with the default credentials (or STORAGE_EMULATOR_HOST, which the
    client library itself obeys). Nothing is opened before the first call.
    """

    def __init__(self, bucket: str, *, project: str | None = None, endpoint: str | None = None) -> None:
        self._bucket_name = bucket
        self._project = project
        self._endpoint = endpoint
        self._client: Any = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bucket")

    async def put(self, name: str, data: bytes, *, timeout_s: float) -> BlobRef:
        def call() -> BlobRef:
            blob = self._bucket().blob(name)
            blob.upload_from_string(
                data,
                content_type="application/octet-stream",
                timeout=timeout_s,
                checksum="crc32c",
                retry=None,
            )
            digest = hashlib.sha256(data).hexdigest()
            return BlobRef(f"gs://{self._bucket_name}/{name}", int(blob.generation), digest)

        return await self._run(f"a write of {name}", call, timeout_s)

    async def put_stream(self, name: str, chunks: AsyncIterable[bytes], *, timeout_s: float) -> BlobRef:
        what, digest = f"a write of {name}", hashlib.sha256()
        url = await self._run(what, lambda: self._begin_upload(name, timeout_s), timeout_s)
        with GcsUpload(url, timeout_s) as upload:
            try:
                async for piece, last in pieces(chunks):
                    digest.update(piece)
                    await self._run(what, partial(upload.send, piece, last=last), timeout_s)
            except BaseException:
                with contextlib.suppress(RuntimeError):  # we are closed; the service forgets it by itself
                    self._threads.submit(upload.cancel)
                raise
        return BlobRef(f"gs://{self._bucket_name}/{name}", upload.generation, digest.hexdigest())

    async def get(self, ref: BlobRef, *, timeout_s: float) -> bytes:
        name = self._name(ref)
        # A second delivery of one message puts the same bytes under the same name, and the generation that
        # the first one's document names is gone. The same bytes are as good.
        for generation in (ref.generation, None):
            data = await self._read(name, generation, timeout_s)
            if data is not None and hashlib.sha256(data).hexdigest() == ref.sha256:
                return data
        raise BlobMissing(f"{ref.uri} is not there in generation {ref.generation}")

    async def get_range(self, ref: BlobRef, start: int, end: int, *, timeout_s: float) -> bytes:
        name = self._name(ref)
        if not 0 <= start < end:
            return b""

        def call() -> bytes | None:
            blob = self._bucket().blob(name, generation=ref.generation)
            span = {"start": start, "end": end - 1}
            try:
                return bytes(blob.download_as_bytes(timeout=timeout_s, checksum=None, retry=None, **span))
            except RequestRangeNotSatisfiable:  # all of it lies before `start`
                return b""
            except NotFound:
                return None

        if (data := await self._run(f"a read of {name}", call, timeout_s)) is None:
            raise BlobMissing(f"{ref.uri} is not there in generation {ref.generation}")
        return data

    async def find(self, name: str, *, timeout_s: float) -> bytes | None:
        return await self._read(name, None, timeout_s)

    async def look(self, name: str, *, timeout_s: float) -> tuple[BlobRef, int] | None:
        def call() -> tuple[BlobRef, int] | None:
            blob = self._bucket().get_blob(name, timeout=timeout_s, retry=None)
            if blob is None:
                return None
            return BlobRef(f"gs://{self._bucket_name}/{name}", int(blob.generation), ""), int(blob.size)

        return await self._run(f"a look at {name}", call, timeout_s)

    async def link(self, ref: BlobRef, *, lasts_s: float, timeout_s: float) -> str:
        name = self._name(ref)

        def call() -> str:
            blob = self._bucket().blob(name)
            lasts, signer = timedelta(seconds=lasts_s), self._signer()
            # The newest generation: a second delivery may have written the same text once more.
            url: str = blob.generate_signed_url(version="v4", expiration=lasts, method="GET", **signer)
            return url

        return await self._run(f"a link to {name}", call, timeout_s)

    async def delete(self, prefix: str, *, timeout_s: float) -> int:
        def call() -> int:
            deleted = 0
            for blob in list(self._bucket().list_blobs(prefix=prefix, timeout=timeout_s, retry=None)):
                try:
                    blob.delete(timeout=timeout_s, retry=None)
                    deleted += 1
                except NotFound:
                    continue  # somebody else was faster
            return deleted

        return await self._run(f"a deletion of {prefix}*", call, timeout_s)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _name(self, ref: BlobRef) -> str:
        name = ref.uri.removeprefix(f"gs://{self._bucket_name}/")
        if name == ref.uri:
            raise BlobMissing(f"{ref.uri} does not lie in gs://{self._bucket_name}")
        return name

    def _begin_upload(self, name: str, timeout_s: float) -> str:
        blob, kind = self._bucket().blob(name), "application/octet-stream"
        url: str = blob.create_resumable_upload_session(kind, timeout=timeout_s, checksum=None, retry=None)
        return url

    async def _read(self, name: str, generation: int | None, timeout_s: float) -> bytes | None:
        def call() -> bytes | None:
            blob = self._bucket().blob(name, generation=generation)
            try:
                return bytes(blob.download_as_bytes(timeout=timeout_s, checksum="crc32c", retry=None))
            except NotFound:
                return None

        return await self._run(f"a read of {name}", call, timeout_s)

    def _bucket(self) -> Any:
        if self._client is None:
            # Else the library fetches the bucket's metadata too, in a thread of its own, to name it in
            # traces: a call that we do not need and that the service account may not make.
            os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
            where: dict[str, Any] = {}
            if self._endpoint is not None:
                where["client_options"] = {"api_endpoint": self._endpoint}
                where["credentials"] = AnonymousCredentials()  # type: ignore[no-untyped-call]  # the SDK's gap
            # No call of ours names the project, but a client without one searches the machine for it.
            self._client = storage.Client(project=self._project or "-", **where)
        return self._client.bucket(self._bucket_name)

    def _signer(self) -> dict[str, Any]:
        """On Google Cloud no private key is at hand: the identity is asked to sign (IAM's signBlob)."""
        credentials = self._client._credentials
        if isinstance(credentials, Signing):
            return {}
        if not credentials.valid:
            credentials.refresh(Request())
        return {"service_account_email": credentials.service_account_email, "access_token": credentials.token}

    async def _run(self, what: str, call: Callable[[], T], timeout_s: float) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                return await loop.run_in_executor(self._threads, call)
        except TimeoutError:
            raise BlobUnavailable(
                f"gs://{self._bucket_name} did not answer {what} within {timeout_s:g} s"
            ) from None
        except (
            GoogleAPIError,
            GoogleAuthError,
            InvalidResponse,
            DataCorruption,
            UploadRefused,
            requests.RequestException,
            OSError,
        ) as error:
            text = f"{type(error).__name__}: {str(error)[:300]}"
            raise BlobUnavailable(f"gs://{self._bucket_name} refused {what}: {text}") from error
