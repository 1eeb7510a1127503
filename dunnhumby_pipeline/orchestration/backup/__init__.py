"""A home as one file, and back: everything that a study needs to go on elsewhere, each file by its hash."""
