"""A computational-graph compiler that people can read.

A network is declared as a directed acyclic graph of ops, held in networkx; its gradient graph is
made in reverse mode; both are lowered to plain NumPy source, run, and drawn with graphviz.
"""

from typing import TYPE_CHECKING

import lazy_loader

from graphdiff import images, linalg, random, special
from graphdiff.compiler import compile, gradient
from graphdiff.errors import (
    ArgumentError,
    CompileError,
    DrawError,
    DTypeError,
    FileError,
    GradientError,
    GraphdiffError,
    GraphError,
    PlanError,
    ShapeError,
    TrainingError,
)
from graphdiff.functional import (
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jit,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from graphdiff.graph.branches import cond
from graphdiff.graph.custom import custom_gradient
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import load
from graphdiff.graph.loops import fori, scan, while_loop
from graphdiff.graph.report import Report
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import trace
from graphdiff.lower.runtime import Compiled
from graphdiff.ops.conventions import conventions
from graphdiff.ops.dimension import Dim
from graphdiff.ops.op import Op
from graphdiff.ops.own import op
from graphdiff.ops.spec import Spec
from graphdiff.planning.calibrate import CostModel, calibrate
from graphdiff.planning.schedule import Plan
from graphdiff.planning.tradeoff import Tradeoff
from graphdiff.plans import plan, tradeoff
from graphdiff.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from graphdiff import nn, train
    from graphdiff.autodiff.counting import Blowup, blowup, count_paths
    from graphdiff.autodiff.elimination import Elimination, eliminate
    from graphdiff.autodiff.path_sum import path_sum
    from graphdiff.autodiff.paths import Expression, expression
    from graphdiff.drawing import Formulas, Picture, draw, latex
    from graphdiff.functional.checking import GradientCheck, check_gradients
else:  # loaded when they are first used
    __getattr__, _, _ = lazy_loader.attach(
        __name__,
        submodules=["nn", "train"],
        submod_attrs={
            "autodiff.counting": ["Blowup", "blowup", "count_paths"],
            "autodiff.elimination": ["Elimination", "eliminate"],
            "autodiff.path_sum": ["path_sum"],
            "autodiff.paths": ["Expression", "expression"],
            "drawing": ["Formulas", "Picture", "draw", "latex"],
            "functional.checking": ["GradientCheck", "check_gradients"],
        },
    )

__all__ = [
    "ArgumentError",
    "Blowup",
    "CompileError",
    "Compiled",
    "CostModel",
    "DTypeError",
    "Dim",
    "DrawError",
    "Elimination",
    "Expression",
    "FileError",
    "Formulas",
    "GradientCheck",
    "GradientError",
    "Graph",
    "GraphError",
    "GraphdiffError",
    "Op",
    "Picture",
    "Plan",
    "PlanError",
    "Report",
    "ShapeError",
    "Spec",
    "Tensor",
    "Tradeoff",
    "TrainingError",
    "blowup",
    "calibrate",
    "check_gradients",
    "checkpoint",
    "compile",
    "cond",
    "conventions",
    "count_paths",
    "custom_gradient",
    "draw",
    "eliminate",
    "expression",
    "fori",
    "grad",
    "gradient",
    "hessian",
    "hvp",
    "images",
    "jacobian",
    "jit",
    "jvp",
    "latex",
    "linalg",
    "load",
    "nn",
    "op",
    "path_sum",
    "plan",
    "random",
    "scan",
    "special",
    "stop_gradient",
    "trace",
    "tradeoff",
    "train",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
