"""One thread within, as many as before after."""

import sys
from types import ModuleType

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dunnhumby_pipeline.engine import threads
from dunnhumby_pipeline.engine.threads import one_thread


def pool_sizes() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}


def test_one_thread_within_and_as_many_as_before_after():
    import sklearn.cluster  # noqa: F401

    with threadpool_limits(2):
        assert pool_sizes() == {2}
        with one_thread():
            assert pool_sizes() == {1}
            with one_thread():
                pass
            assert pool_sizes() == {1}
        assert pool_sizes() == {2}


def test_the_libraries_are_looked_through_once_and_again_when_another_is_loaded(monkeypatch: pytest.MonkeyPatch):
    scans = []
    monkeypatch.setattr(threads, "ThreadpoolController", lambda: scans.append(1) or FakeController())
    threads._controller.cache_clear()
    monkeypatch.delitem(sys.modules, "xgboost", raising=False)
    one_thread(), one_thread()
    assert len(scans) == 1
    monkeypatch.setitem(sys.modules, "xgboost", ModuleType("xgboost"))
    one_thread(), one_thread()
    assert len(scans) == 2
    threads._controller.cache_clear()


class FakeController:
    def limit(self, limits: int) -> None:
        assert limits == 1
