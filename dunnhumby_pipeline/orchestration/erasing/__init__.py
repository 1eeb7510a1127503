"""Erasing a household from a home: its files, tables, lists, experiments and history."""
