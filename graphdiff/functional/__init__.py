"""Functions in, functions out: derivatives of plain NumPy functions.

The functions and the order of their arguments are those of JAX. Each result traces the function at
its first call, compiles the graph, and calls the compiled code from then on, as long as arguments
have the same nesting, shapes and dtypes. Called with tensors (within another traced function) it
adds to their graph, so that everything composes.
"""

from graphdiff.functional.batches import hessian, jacobian, vmap
from graphdiff.functional.compiled import checkpoint, jit, stop_gradient
from graphdiff.functional.gradients import grad, value_and_grad
from graphdiff.functional.products import hvp, jvp, vjp

__all__ = [
    "checkpoint",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
