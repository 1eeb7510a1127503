"""What the effects of the chosen model, or of the best candidate, rest on, in words."""
