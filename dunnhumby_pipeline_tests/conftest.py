"""Fixtures that several test modules share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from dunnhumby_pipeline.settings import HOME_VARIABLE, RAW_VARIABLE


@pytest.fixture(autouse=True, scope="session")
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the developer's settings, home or history."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("DUNNHUMBY_", "DAGSTER_"))}
    for name in kept:
        del os.environ[name]
    os.environ[HOME_VARIABLE] = str(tmp_path_factory.mktemp("home"))
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    yield
    for name in (HOME_VARIABLE, RAW_VARIABLE, "DAGSTER_HOME"):
        os.environ.pop(name, None)
    os.environ.update(kept)
