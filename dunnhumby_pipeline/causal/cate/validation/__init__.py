"""How well an order of households by effect does on households that no model saw; and what it rests on."""
