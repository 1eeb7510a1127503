"""`python -m dunnhumby_pipeline`: the `dunnhumby` command, where its script is not on the path."""

from dunnhumby_pipeline.cli import app

app(prog_name="dunnhumby")
