"""The sentences: what a network is."""
