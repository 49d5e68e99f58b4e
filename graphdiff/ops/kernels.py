"""The few numerical functions that NumPy lacks.

They are plain NumPy, keep float32 and float64, and stand on their own: a generated file carries a
copy of those that it calls (so they have no annotations, which would be noise there).
"""

import numpy as np


def sigmoid(z):
    """Return 1 / (1 + exp(-z)), accurate in both tails."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def erf(x):
    """Return the error function, by W. J. Cody's rational approximations (1969)."""

    def ratio(top, bottom, z):
        p = q = 0.0
        for a, b in zip(top, bottom, strict=True):
            p, q = p * z + a, q * z + b
        return p / q

    a = np.abs(x)
    z = np.minimum(a, 0.46875)
    near = x * ratio(
        (
            1.85777706184603153e-1,
            3.16112374387056560e0,
            1.13864154151050156e2,
            3.77485237685302021e2,
            3.20937758913846947e3,
        ),
        (
            1.0,
            2.36012909523441209e1,
            2.44024637934444173e2,
            1.28261652607737228e3,
            2.84423683343917062e3,
        ),
        z * z,
    )
    z = np.clip(a, 0.46875, 4.0)
    middle = 1.0 - np.exp(-z * z) * ratio(
        (
            2.15311535474403846e-8,
            5.64188496988670089e-1,
            8.88314979438837594e0,
            6.61191906371416295e1,
            2.98635138197400131e2,
            8.81952221241769090e2,
            1.71204761263407058e3,
            2.05107837782607147e3,
            1.23033935479799725e3,
        ),
        (
            1.0,
            1.57449261107098347e1,
            1.17693950891312499e2,
            5.37181101862009858e2,
            1.62138957456669019e3,
            3.29079923573345963e3,
            4.36261909014324716e3,
            3.43936767414372164e3,
            1.23033935480374942e3,
        ),
        z,
    )
    z = np.clip(a, 4.0, 6.0)
    s = 1.0 / (z * z)
    far = 1.0 - np.exp(-z * z) / z * (
        0.56418958354775629
        - s
        * ratio(
            (
                1.63153871373020978e-2,
                3.05326634961232344e-1,
                3.60344899949804439e-1,
                1.25781726111229246e-1,
                1.60837851487422766e-2,
                6.58749161529837803e-4,
            ),
            (
                1.0,
                2.56852019228982242e0,
                1.87295284992346725e0,
                5.27905102951428412e-1,
                6.05183413124413191e-2,
                2.33520497626869185e-3,
            ),
            s,
        )
    )
    return np.where(a <= 0.46875, near, np.sign(x) * np.where(a <= 4.0, middle, far))


def log_odds(x):
    """Return log(x / (1 - x)), accurate at both ends and in the middle."""
    inside = np.where(np.abs(x - 0.5) < 0.25, x, 0.5)
    return np.where(inside == x, 2.0 * np.arctanh(2.0 * inside - 1.0), np.log(x) - np.log1p(-x))


def xlogy(x, y):
    """Return x log(y), and 0 where x is 0 and y is no NaN."""
    return x * np.log(np.where((x == 0) & (y == y), 1.0, y))


def xlog1py(x, y):
    """Return x log(1 + y), and 0 where x is 0 and y is no NaN."""
    return x * np.log1p(np.where((x == 0) & (y == y), 0.0, y))


def spherical_jn(z, n):
    """Return the spherical Bessel function j_n: by its series up to n + 1, by recurrence beyond."""
    small = np.abs(z) < n + 1.0
    s = np.where(small, z, 0.0)
    near = term = np.ones_like(s)
    for k in range(1, 14 + n):
        term = term * (s * s / (-2.0 * k * (2 * (n + k) + 1)))
        near = near + term
    for k in range(1, n + 1):
        near = near * (s / (2 * k + 1))
    w = np.where(small, n + 1.0, z)
    far, after = np.sin(w) / w, (np.sin(w) / w - np.cos(w)) / w
    for k in range(1, n + 1):
        far, after = after, (2 * k + 1) / w * after - far
    return np.where(small, near, far)


def logsumexp(x, axis=None, keepdims=False):
    """Return log(sum(exp(x))) over axes; the largest term is taken out first."""
    m = np.max(x, axis=axis, keepdims=True)
    m = np.where(np.isfinite(m), m, 0.0)
    with np.errstate(divide="ignore", over="ignore"):  # where the largest is -inf or inf
        s = np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True)) + m
    return s if keepdims else np.squeeze(s, axis=axis)[()]


def softmax(x, axis=None):
    """Return exp(x) / sum(exp(x)) over axes; the largest term is taken out first."""
    m = np.max(x, axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):  # where the largest is infinite, it takes all
        e = np.where(np.isinf(m), x == m, np.exp(x - m))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=None):
    """Return x - log(sum(exp(x))) over axes; the largest term is taken out first."""
    d = x - np.max(x, axis=axis, keepdims=True)
    return d - np.log(np.sum(np.exp(d), axis=axis, keepdims=True))


def place(x, shape, index):
    """Return zeros of a shape, with x at the basic index: the adjoint of slicing."""
    out = np.zeros(shape, x.dtype)
    out[index] = x
    return out


def put(x, value, index):
    """Return a copy of x with a value at the basic index."""
    out = x.copy()
    out[index] = value
    return out


def put_at(x, value, *indices):
    """Return a copy of x with a value at integer indices."""
    out = x.copy()
    out[indices] = value
    return out


def scatter_add(x, shape, *indices):
    """Return zeros of a shape, with x added at integer indices: the adjoint of gathering."""
    out = np.zeros(shape, x.dtype)
    np.add.at(out, indices, x)
    return out


def scatter_add_along_axis(x, indices, shape, axis):
    """Return zeros of a shape, with x added along an axis: the adjoint of take_along_axis."""
    out = np.zeros(shape, x.dtype)
    where = [indices] * x.ndim
    for i, n in enumerate(x.shape):
        if i != axis:
            where[i] = np.arange(n).reshape((n,) + (1,) * (x.ndim - 1 - i))
    np.add.at(out, tuple(where), x)
    return out


def overlap_add(g, shape, axis):
    """Return zeros of a shape, with all windows along axes added: adjoint of taking windows."""
    out = np.zeros(shape, g.dtype)
    for place in np.ndindex(g.shape[len(shape) :]):
        part = [slice(None)] * len(shape)
        for i, start in zip(axis, place, strict=True):
            part[i] = slice(start, start + g.shape[i])
        out[tuple(part)] += g[(..., *place)]
    return out


def recurrence(a, b, axis):
    """Return y with y[i] = a[i] * y[i - 1] + b[i] along an axis, and y[-1] = 0."""
    a, y = np.moveaxis(a, axis, 0), np.array(np.moveaxis(b, axis, 0), np.result_type(a, b))
    for i in range(1, len(y)):
        y[i] += a[i] * y[i - 1]
    return np.moveaxis(y, 0, axis)


def diagonal_matrix(x, shape, offset=0, axis1=0, axis2=1):
    """Return zeros of a shape, with x on a diagonal: the adjoint of np.diagonal."""
    out = np.zeros(shape, x.dtype)
    place = np.moveaxis(out, (axis1, axis2), (-2, -1))
    i = np.arange(x.shape[-1])
    place[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return out


def cofactor(x):
    """Return the cofactors of square matrices, the slopes of det, also where they are singular."""
    u, s, v = np.linalg.svd(x)
    n = x.shape[-1]
    others = np.where(np.eye(n, dtype=bool), s.dtype.type(1), s[..., None, :])
    sign = np.linalg.det(u) * np.linalg.det(v)
    u = u.conj() * np.prod(others, axis=-1)[..., None, :]
    return sign[..., None, None] * (u @ v.conj())


def cofactor_along(x, *along):
    """Return the derivative of cofactor(x) along directions, also where x is singular.

    Along several it is the sum over their subsets of a coefficient of the polynomial
    cofactor(x + s v), which is read off from its values on a circle.
    """
    n, many, zero = x.shape[-1], len(along), np.zeros_like(x + sum(along))
    if many >= n:
        return zero

    def parts(a):
        left, s, right = np.linalg.svd(a)
        sign = np.linalg.det(left) * np.linalg.det(right)
        return left.conj(), s, right.conj(), sign[..., None, None]

    def length(a):
        size = np.sqrt(np.sum(np.abs(a) ** 2, axis=(-2, -1), keepdims=True))
        return np.where(size == 0, size.dtype.type(1), size)

    one = np.eye(n, dtype=bool)
    if many == 1:
        back, s, ahead, sign = parts(x)
        others = np.where(one[:, None] | one[None, :], s.dtype.type(1), s[..., None, None, :])
        pairs = np.where(one, s.dtype.type(0), np.prod(others, axis=-1))  # of all values but two
        w = back.mT @ along[0] @ ahead.mT
        change = one * (pairs @ np.diagonal(w, axis1=-2, axis2=-1)[..., None]) - pairs * w.mT
        return sign * (back @ change @ ahead)
    sizes = [length(v) for v in along]
    total = zero + 0j
    for chosen in range(1, 2**many):
        bits = [chosen >> i & 1 for i in range(many)]
        v = sum(b * direction / size for b, direction, size in zip(bits, along, sizes, strict=True))
        radius = length(x) / length(v)
        for root in np.exp(2j * np.pi / n * np.arange(n)):
            back, s, ahead, sign = parts(x + (radius * root).astype(total.dtype) * v)
            others = np.prod(np.where(one, s.dtype.type(1), s[..., None, :]), axis=-1)
            found = sign * (back * others[..., None, :] @ ahead)
            total = total + found * ((-1) ** (many - sum(bits)) / (n * (radius * root) ** many))
    for size in sizes:
        total = total * size
    return (total if zero.dtype.kind == "c" else total.real).astype(zero.dtype)


def expm(x, *along):
    """Return the exponential of square matrices, by Padé's approximation (N. Higham, 2005).

    With directions it is the derivative along them: a block of a larger one (C. Van Loan, 1978).
    """
    n = x.shape[-1]
    for v in along:
        v = np.kron(np.eye(x.shape[-1] // max(n, 1), dtype=v.dtype), v)
        x = np.block([[x, v], [np.zeros_like(x), x]])
    size = np.max(np.sum(np.abs(x), axis=-2), initial=0.0)
    halvings = max(0, int(np.frexp(size / 5.4)[1])) if np.isfinite(size) else 0
    a = x / 2**halvings
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    one = np.eye(x.shape[-1], dtype=x.dtype)
    odd = a6 @ (a6 + 16380.0 * a4 + 40840800.0 * a2)
    odd = odd + 33522128640.0 * a6 + 10559470521600.0 * a4 + 1187353796428800.0 * a2
    odd = a @ (odd + 32382376266240000.0 * one)
    even = a6 @ (182.0 * a6 + 960960.0 * a4 + 1323241920.0 * a2)
    even = even + 670442572800.0 * a6 + 129060195264000.0 * a4 + 7771770303897600.0 * a2
    even = even + 64764752532480000.0 * one
    y = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        y = y @ y
    return y[..., :n, -n:]


def snapshots(begin, end, room):
    """Return before which steps between two to keep the state, with room for so many more.

    A. Griewank and A. Walther, "Algorithm 799: revolve" (2000).
    """
    places = []
    while room and end > begin:
        r, before, reach = 0, 0, 1
        while reach <= end - begin:  # C(s + r, s), for s = room + 1 states
            r, before, reach = r + 1, reach, reach * (room + 2 + r) // (r + 1)
        behind = before * (room + 1) // (room + r)
        begin += max(1, min(before, end - begin + 1 - behind))
        places.append(begin)
        room -= 1
    return places
