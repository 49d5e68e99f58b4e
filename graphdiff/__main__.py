"""`python -m graphdiff` is the same as `graphdiff`."""

from graphdiff.cli import main

main(prog_name="graphdiff")
