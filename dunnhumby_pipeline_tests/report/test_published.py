"""Numbers between markers come from tables, and a change of code or of a number is noticed."""

from __future__ import annotations

import pandas as pd
import pytest

from dunnhumby_pipeline.report.published import PublishedError, block_in, numbers_in, renewed, tables_in
from dunnhumby_pipeline.words.numbers import MINUS

TABLES = {
    "effects": pd.DataFrame(
        {"estimator": ["ols", "aipw"], "estimate": [14.31, -1651.1], "se": [10.2, 0.4], "n_trials": [5251, 3125]}
    ),
    "counts": pd.DataFrame({"rows": [1, 2], "n_pairs": [863, 1200]}),
}


def written(*parts: str) -> str:
    marked = f"about <!-- n: {'; '.join(parts)} -->stale<!-- /n --> of it"
    found = renewed(marked, TABLES.__getitem__, {})
    [(source, text)] = numbers_in(found).items()
    assert source == "; ".join(parts)
    assert found == marked.replace("stale", text)
    return text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("effects", 'estimator=="ols"', "{estimate:.0f} ({se:.0f})"), "14 (10)"),
        (("effects", 'estimator=="aipw"', "${estimate:,.0f}"), f"{MINUS}$1,651"),
        (("effects", 'estimator=="ols"', "{n_trials:,}"), "5,251"),
        (("effects", "", "min", "{estimate:.1f}"), f"{MINUS}1651.1"),
        (("effects", "estimate > -2000", "mean", "{se:.1f}"), "5.3"),
        (("counts", "n_pairs==863", "{n_pairs}"), "863"),
    ],
)
def test_a_number_is_written_from_its_row(parts: tuple[str, ...], text: str) -> None:
    assert written(*parts) == text


@pytest.mark.parametrize(
    "parts",
    [
        ("effects", "estimate > -2000", "{se:.1f}"),
        ("effects", 'estimator=="none"', "{se:.1f}"),
        ("effects", 'estimator=="ols"', "{missing:.1f}"),
        ("effects", "missing > 0", "{se:.1f}"),
        ("effects", "{se:.1f}"),
        ("effects", "", "median", "{se:.1f}"),
        ("nothing", "", "{se:.1f}"),
    ],
)
def test_a_marker_that_does_not_say_one_number_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(PublishedError, match=parts[0]):
        written(*parts)


def test_a_block_is_replaced_whole_and_what_is_around_it_stays() -> None:
    document = "before\n<!-- summary: made by a script -->\nold\n<!-- end of summary -->\nafter\n"
    found = renewed(document, TABLES.__getitem__, {"summary": r"new \1 $2" + "\n"})
    assert found == document.replace("old", r"new \1 $2")
    assert block_in(found, "summary") == r"new \1 $2" + "\n"
    assert block_in(found, "other") is None
    assert tables_in(found) == set()
