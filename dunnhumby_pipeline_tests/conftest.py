"""Fixtures that several test modules share, and the order in which modules run."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from dunnhumby_pipeline.settings import HOME_VARIABLE, RAW_VARIABLE

if TYPE_CHECKING:
    from dunnhumby_pipeline_tests.fakes.studies import SmallStudy

# While modules are imported and tests collected next to nothing becomes garbage.
gc.disable()

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("repeatable")

# Longest first, so that no worker is left alone with a long module at the end. The second asks for the small study
# while the other worker is busy with the sample's, so that neither waits for it.
LONGEST = (
    *("test_sample_study", "test_orchestration", "test_staleness", "test_warehouse", "test_economics"),
    *("test_desk_in_browser", "test_approval", "test_every_picture", "test_designs", "test_proxy", "test_jobs"),
    *("test_forget", "test_unusable_input", "test_schedules", "test_extending", "test_backup", "test_postgres"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_collection_finish() -> None:
    # Modules and tests stay to the end: the collector need not walk through their million objects, not even once.
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    # What is left at the end is collected as it ever was.
    gc.unfreeze()


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


@pytest.fixture(scope="session")
def of_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def small(of_session: Path) -> SmallStudy:
    """A small study that ran to its end once, for all workers: never opened, only copied."""
    from dunnhumby_pipeline_tests.fakes.studies import SmallStudy, made_once

    return SmallStudy(made_once(of_session / "small_study", SmallStudy.make))
