"""The layers of a network, one kind in each file, which can be read alone."""
