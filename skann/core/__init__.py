"""The mathematics: everything about a network that needs no data science."""
