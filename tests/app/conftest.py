"""The served models that the tests of this folder share."""

from collections.abc import Iterator

import pytest
import served
from fastapi.testclient import TestClient

from aprende.app.server.serve import create_app

HERE = "http://127.0.0.1:8000"


@pytest.fixture(scope="session")
def houses() -> Iterator[TestClient]:
    """Return a client of a served valuation."""
    with TestClient(create_app(served.valuation()), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def photos() -> Iterator[TestClient]:
    """Return a client of a served picture classifier."""
    with TestClient(create_app(served.colour()), base_url=HERE, raise_server_exceptions=False) as client:
        yield client
