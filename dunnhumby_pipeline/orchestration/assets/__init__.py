"""Assets: a few lines each over the pure functions of the folders below.

Those are imported inside the bodies, so that loading the definitions stays light: a code server
needs the graph, not the learners.
"""
