"""The layers of a network, with one kind per module."""
