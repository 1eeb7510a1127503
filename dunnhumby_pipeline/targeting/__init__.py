"""From effects to decisions: costs, policies, their honest value, and the list of households."""
