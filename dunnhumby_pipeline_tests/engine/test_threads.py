"""One thread within, as many as before after."""

import sys
from contextlib import AbstractContextManager, nullcontext
from threading import Thread
from types import ModuleType, SimpleNamespace

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dunnhumby_pipeline.engine import threads
from dunnhumby_pipeline.engine.threads import one_thread, side_by_side


def pool_sizes(*kinds: str) -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if not kinds or pool["user_api"] in kinds}


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


def test_threads_that_are_started_within_leave_the_limit_to_who_started_them():
    import sklearn.cluster  # noqa: F401

    seen = []

    def work() -> None:
        with one_thread():
            seen.append(pool_sizes())

    with threadpool_limits(2):
        with one_thread():
            for _ in range(2):
                other = Thread(target=work)
                other.start()
                other.join()
            assert pool_sizes() == {1}
        assert seen == [{1}, {1}] and pool_sizes() == {2}


def test_it_decorates_what_is_to_run_in_one_thread():
    decorated = one_thread()(pool_sizes)
    with threadpool_limits(2):
        assert decorated() == {1} and decorated() == {1}
        assert pool_sizes() == {2}


def test_the_libraries_are_looked_through_once_and_again_when_another_is_loaded(monkeypatch: pytest.MonkeyPatch):
    scans: list[FakeController] = []
    monkeypatch.setattr(threads, "ThreadpoolController", lambda: FakeController(scans))
    threads._controller.cache_clear()
    monkeypatch.delitem(sys.modules, "xgboost", raising=False)
    with one_thread(), one_thread():
        assert len(scans) == 1 and scans[0].limited == ["library 1"]
        monkeypatch.setitem(sys.modules, "xgboost", ModuleType("xgboost"))
        with one_thread():
            assert len(scans) == 2 and scans[1].limited == ["library 2"]
    threads._controller.cache_clear()


class FakeController:
    """Finds one library more each time it looks, and notes which it is asked to limit."""

    def __init__(self, scans: list["FakeController"]) -> None:
        scans.append(self)
        self.lib_controllers = [
            SimpleNamespace(filepath=f"library {number + 1}", user_api="blas") for number in range(len(scans))
        ]
        self.limited: list[str] = []

    def select(self, filepath: list[str]) -> "FakeController":
        self.limited += filepath
        return self

    def limit(self, limits: int) -> AbstractContextManager[None]:
        assert limits == 1
        return nullcontext()


def test_what_is_done_side_by_side_comes_in_order_and_in_one_thread_each():
    import sklearn.cluster  # noqa: F401

    with threadpool_limits(2):
        found = side_by_side(lambda number: (number, pool_sizes()), range(9))
    assert found == [(number, {1}) for number in range(9)]


def test_an_error_of_one_of_them_is_raised():
    def fail(number: int) -> None:
        raise ValueError(f"of {number}")

    with pytest.raises(ValueError, match="of 0"):
        side_by_side(fail, [0])
