"""The eight tables of a customer journey: declared, found, validated, cleaned, or invented with known truth."""
