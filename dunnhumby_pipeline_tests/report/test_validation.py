"""The verdict on raw files as a terminal shows it."""

import io
from pathlib import Path

from rich.console import Console

from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.journey.inspection.validation import validate
from dunnhumby_pipeline.report.validation import render_validation
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline_tests.fakes.journeys import write_raw

WIDTH = 80


def test_each_broken_rule_is_told_whole_on_a_narrow_terminal(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    with (folder / "product.csv").open("a") as products:
        products.write("9001,1,NA,National,[bold]SOAP[/bold],SOAP,\n9002,1,n/a,National,SOAP,SOAP,\n")
    settings = Settings()
    with connect(settings.engine) as connection:
        found = validate(folder, connection, settings.journey)
    screen = io.StringIO()
    Console(file=screen, width=WIDTH, color_system=None).print(render_validation(found), highlight=False)
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert not any("…" in line for line in lines)
    said = " ".join(" ".join(lines).split())
    assert "- products, department: 2 rows" in said
    assert "repaired; expected a value, or none [missing_word] 'NA' in 1 row(s)" in said
    files = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert len(files) == len(found.tables) == 8
