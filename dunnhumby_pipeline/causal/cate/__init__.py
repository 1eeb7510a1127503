"""Effects per household: `estimate` for any table of covariates, and `EffectEstimator` in scikit-learn's manner.

Both are loaded when they are first asked for, as they take libraries that load slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dunnhumby_pipeline.causal.cate.estimation import Estimate, estimate
    from dunnhumby_pipeline.causal.cate.estimator import EffectEstimator
    from dunnhumby_pipeline.causal.cate.inputs import InputError

__all__ = ["EffectEstimator", "Estimate", "InputError", "estimate"]
_MODULES = {"Estimate": "estimation", "estimate": "estimation", "EffectEstimator": "estimator", "InputError": "inputs"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
