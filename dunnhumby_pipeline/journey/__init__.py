"""The eight tables of a customer journey: found, validated and cleaned."""
