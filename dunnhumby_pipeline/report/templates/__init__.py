"""The pages in HTML: their shells, and how each kind of part is written."""

from __future__ import annotations

from functools import cache

import jinja2


@cache
def template(name: str) -> jinja2.Template:
    """A template of this folder; what it is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dunnhumby_pipeline.report.templates", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def page_template() -> jinja2.Template:
    """The template of the analyst's report."""
    return template("page.html.j2")
