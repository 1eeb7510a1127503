"""The only folder that knows dagster: assets, checks, storage, resources, jobs, schedules, alerts."""
