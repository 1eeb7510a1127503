"""The only rooms that know dagster: assets, checks, storage, resources, jobs, schedules, alerts."""
