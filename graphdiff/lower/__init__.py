"""From a graph to NumPy source, and to a function that runs it."""
