"""The SQL text of every feature expression is the one last looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dunnhumby_pipeline.engine.compile import Dialect
from dunnhumby_pipeline_tests.fakes.expressions import feature_expressions
from dunnhumby_pipeline_tests.golden import DIALECTS, FOLDER, REGENERATE, golden_file, text

each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


@each_dialect
@pytest.mark.parametrize("name", feature_expressions())
def test_the_text_is_the_one_last_looked_at(name: str, dialect: Dialect) -> None:
    file = golden_file(dialect, name)
    assert file.is_file(), f"{name} is new in {dialect}; look at its text after `{REGENERATE}`"
    assert text(dialect, name) == file.read_text(encoding="utf-8"), (
        f"the {dialect} text of {name} changed; if that was meant, run `{REGENERATE}` and look at the difference"
    )


@each_dialect
def test_no_file_is_left_of_an_expression_that_is_gone(dialect: Dialect) -> None:
    assert {file.stem for file in (FOLDER / dialect).iterdir()} == set(feature_expressions())


def test_the_expressions_are_found() -> None:
    assert {"customer_features", "promotion_exposure", "purchases"} <= set(feature_expressions())


def test_either_dialect_compiles_first_and_without_spark() -> None:
    """In a process of its own: what was compiled before changes nothing, and no client of Spark is loaded."""
    code = (
        "import sys\n"
        "from dunnhumby_pipeline_tests.golden import golden_file, text\n"
        "assert text('spark', 'purchases') == golden_file('spark', 'purchases').read_text(encoding='utf-8')\n"
        "assert text('duckdb', 'purchases') == golden_file('duckdb', 'purchases').read_text(encoding='utf-8')\n"
        "print(sorted({'pyspark', 'grpc', 'pysail'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
