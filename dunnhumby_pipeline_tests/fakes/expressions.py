"""Every feature expression there is, found in the package, so that a new one is tested without being listed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd

import dunnhumby_pipeline.features as features

# What an expression may read beside the journey's tables and the windows.
BESIDE = {"margin_weights": pd.DataFrame({"department": ["GROCERY", "PRODUCE"], "weight": [0.85, 1.35]})}


def _public_functions() -> Iterator[Callable[[], ir.Table]]:
    for module in pkgutil.iter_modules(features.__path__, f"{features.__name__}."):
        for name, function in inspect.getmembers(importlib.import_module(module.name), callable):
            if inspect.isclass(function) or function.__module__ != module.name or name.startswith("_"):
                continue
            signature = inspect.signature(function)
            needs = [p for p in signature.parameters.values() if p.default is p.empty]
            if not needs and signature.return_annotation == "ir.Table":
                yield function


@cache
def feature_expressions() -> dict[str, ir.Table]:
    """Expressions by name: what the public functions of `features` return, in the order of its rows.

    What has no order of rows is not a table of features but something that one is made of.
    """
    found = {function.__name__: function() for function in _public_functions()}
    return {name: found[name] for name in sorted(found) if isinstance(found[name].op(), ops.Sort)}
