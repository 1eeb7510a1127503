"""Tests of randomised experiments: their design, assignment, monitoring and what is learnt from them."""
