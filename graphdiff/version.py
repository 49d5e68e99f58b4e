"""The version of graphdiff."""

VERSION = "0.1.0"
