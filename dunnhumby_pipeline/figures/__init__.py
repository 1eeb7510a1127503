"""Pictures of a study: one module per stage; each public function takes frames and returns a matplotlib Figure.

Only the modules that draw import matplotlib; `frames` and `words` do not, so that text output stays light.
"""
