"""What was fitted in this process is not fitted again to the same numbers: steps of a study share fits by content.

Nuisances made otherwise, of which each leaves one candidate out, consist of fits that the study has made already; a
fit is a function of its numbers, so that which step came first changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Fitted = TypeVar("Fitted")
# Fits of the sample take 20 to 80 kilobytes each, and a study makes some four hundred of them.
_MOST = 512
_KEPT: OrderedDict[Hashable, Any] = OrderedDict()
_LOCK = Lock()


def digest(array: NDArray[Any]) -> tuple[object, ...]:
    """What tells an array from others: shape, type, and a hash of its content."""
    array = np.ascontiguousarray(array)
    return array.shape, array.dtype.str, hashlib.sha256(array.data).digest()


def remembered(key: tuple[Hashable, ...], fit: Callable[[], Fitted]) -> Fitted:
    """What `fit` gives, or gave when it was last asked for with the same `key`, which names all that it rests on.

    Of what was asked for last the most recent 512 are kept. None of it may be changed by who asks for it.
    """
    with _LOCK:
        if key in _KEPT:
            _KEPT.move_to_end(key)
            return _KEPT[key]
    found = fit()
    with _LOCK:
        _KEPT[key] = found
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
    return found


def forget() -> None:
    """Drop all that is remembered."""
    with _LOCK:
        _KEPT.clear()
