"""The SQL text of every feature expression in either dialect, as it was last looked at.

python -m dunnhumby_pipeline_tests.golden    rewrites the files
"""

from __future__ import annotations

from pathlib import Path

from dunnhumby_pipeline.engine.compile import Dialect, to_sql
from dunnhumby_pipeline_tests.fakes.expressions import feature_expressions

FOLDER = Path(__file__).parent
DIALECTS: tuple[Dialect, ...] = ("duckdb", "spark")
REGENERATE = "python -m dunnhumby_pipeline_tests.golden"


def golden_file(dialect: Dialect, name: str) -> Path:
    return FOLDER / dialect / f"{name}.sql"


def text(dialect: Dialect, name: str) -> str:
    """What the file must hold."""
    return to_sql(feature_expressions()[name], dialect) + "\n"


def regenerate() -> None:
    for dialect in DIALECTS:
        (FOLDER / dialect).mkdir(exist_ok=True)
        for name in feature_expressions():
            golden_file(dialect, name).write_text(text(dialect, name), encoding="utf-8")
        for file in (FOLDER / dialect).glob("*.sql"):
            if file.stem not in feature_expressions():
                file.unlink()
