"""A computational-graph compiler that people can read.

A network is declared as a directed acyclic graph of ops, held in networkx; its gradient graph is
made in reverse mode; both are lowered to plain NumPy source, run, and drawn with graphviz.
"""

from graphdiff.autodiff.reverse import gradient
from graphdiff.errors import (
    ArgumentError,
    CompileError,
    DrawError,
    DTypeError,
    FileError,
    GradientError,
    GraphdiffError,
    GraphError,
    ShapeError,
)
from graphdiff.graph.dag import Graph, Report
from graphdiff.graph.files import load
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.spec import Dim, Spec

__version__ = "0.1.0.dev0"

__all__ = [
    "ArgumentError",
    "CompileError",
    "DTypeError",
    "Dim",
    "DrawError",
    "FileError",
    "GradientError",
    "Graph",
    "GraphError",
    "GraphdiffError",
    "Report",
    "ShapeError",
    "Spec",
    "Tensor",
    "gradient",
    "load",
]
