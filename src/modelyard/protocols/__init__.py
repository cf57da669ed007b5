"""Foreign wires: translators from somebody else's words to our operations; no rule of their own."""
