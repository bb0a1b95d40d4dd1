"""A run seen by people: a live panel on a terminal, lines elsewhere."""
