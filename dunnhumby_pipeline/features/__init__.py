"""What is known of a household over a window of days: one definition, as Ibis expressions.

A *window* is `[first_day, index_day)`. Customer understanding uses one window over the whole
history; causal targeting uses one look-back window per campaign. The expressions are the same.
"""
