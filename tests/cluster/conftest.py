"""What tests of clusters share: one local Ray cluster of two workers, and their processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dub_helpers import _private_home  # noqa: F401  # an autouse fixture

from avsynth.cluster.connection import Cluster, connected


@dataclass(frozen=True)
class Store:
    """A real S3 server of this test run, and the means to look into it by other ways than ours."""

    address: str
    client: Any
    bucket: str = "films"

    def put(self, key: str, what: bytes | Path) -> str:
        """Store something; its URL."""
        body = what if isinstance(what, bytes) else what.read_bytes()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes:
        """What is stored."""
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        """What is there."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", ())]


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    """moto's server on a port of the system's choosing, with the bucket "films"; keys are set."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        store = Store(settings["AWS_ENDPOINT_URL"], boto3.client("s3"))
        store.client.create_bucket(Bucket=store.bucket)
        yield store
    server.stop()


@pytest.fixture(scope="session")
def two_workers(s3: Store) -> Iterator[Cluster]:
    """A local cluster, up for all tests; ``--cluster local`` in this process uses it.

    Begun after the store, whose address and keys the workers inherit.
    """
    cluster = Cluster("local", 2)
    with connected(cluster):
        yield cluster
