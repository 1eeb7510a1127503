"""Randomised experiments: how large, who gets which arm, how they are watched, and what is learnt from them.

Not here: whether a household is to be tested at all (`targeting`).
"""
