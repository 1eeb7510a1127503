"""A study in words: one self-contained HTML page, and a summary for the terminal.

`page` draws pictures, and so loads matplotlib, only when it renders; `summary` never does.
"""
