"""The eight tables of a customer journey: declared, found, validated, cleaned, or simulated with known truth."""
