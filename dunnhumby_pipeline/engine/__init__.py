"""From an Ibis expression to SQL text, and from SQL text to a frame. DuckDB runs it, or a Spark cluster."""
