"""How fast training and drawing are, beside the plain loop and what the machine allows."""
