"""Every table of the study, once: a module for each group of the asset graph."""
