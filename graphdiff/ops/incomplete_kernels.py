"""What the derivatives of the incomplete gamma and beta functions need, in plain NumPy.

As the kernels of `graphdiff.ops.kernels` these are copied into generated files. The integrals are
by double exponential quadrature (H. Takahasi and M. Mori, 1974), to about twelve digits: t = x e⁻ʷ
on the left of x and x eʷ on its right, as far as the integrand is above e⁻⁴² of what it is at x.
"""

import numpy as np


def gamma_moment(a, x, c, order):
    """Return ∫ tᵃ⁻¹ e⁻ᵗ (log t - c)ⁿ dt / (xᵃ e⁻ˣ), where n is the order.

    It is taken over (0, x) if x < eᶜ, else over (x, ∞) with a minus.
    """
    dtype = np.result_type(a, x, c)
    a, x, c = (np.asarray(v, float)[..., np.newaxis] for v in np.broadcast_arrays(a, x, c))
    with np.errstate(all="ignore"):
        log_x = np.log(x)
        left = log_x < c
        end, far = (42.0 + x) / a, np.log1p((42.0 + 800.0 * a) / x)
        for _ in range(25):  # where the exponent is -42: by Newton's steps, and by repetition
            end = end - (a * end + x * np.expm1(-end) - 42.0) / (a - x * np.exp(-end))
            far = np.log1p((42.0 + a * far) / x)
        end = np.where(left, end, far)
        s = np.arange(-92, 93) / 28.0
        q = np.exp(np.pi * np.sinh(s))
        w = end * (q / (1.0 + q))
        steps = end * (np.pi / 28.0 * np.cosh(s) * q / (1.0 + q) ** 2)
        exponent = np.where(left, -a * w - x * np.expm1(-w), a * w - x * np.expm1(w))
        terms = np.exp(exponent) * (log_x - c + np.where(left, -w, w)) ** order * steps
        total = np.where(left, 1.0, -1.0)[..., 0] * np.sum(terms, axis=-1)
        return np.where((x[..., 0] > 0) & (x[..., 0] < np.inf), total, 0.0).astype(dtype)[()]


def beta_moment(a, b, x, c, d, m, n, by_first=False):
    """Return ∫ tᵃ⁻¹ (1 - t)ᵇ⁻¹ (log t - c)ᵐ (log(1 - t) - d)ⁿ dt / (xᵃ (1 - x)ᵇ), on one side of x.

    Over (0, x) if x < eᶜ, or for the second parameter if 1 - x > eᵈ, else minus over (x, 1).
    """
    dtype = np.result_type(a, b, x, c, d)
    a, b, x, c, d = (
        np.asarray(v, float)[..., np.newaxis] for v in np.broadcast_arrays(a, b, x, c, d)
    )
    with np.errstate(all="ignore"):
        y = 1.0 - x
        inside = (x > 0) & (x < 1)
        left = np.log(x) < c if by_first else np.log1p(-x) > d
        a, b = np.where(left, a, b), np.where(left, b, a)  # the right is the left of 1 - x
        x, y = np.where(left, x, y), np.where(left, y, x)
        end = (42.0 + np.maximum(b - 1.0, 0.0) * -np.log(y)) / a
        for _ in range(25):
            t = x * np.exp(-end)
            height = a * end - (b - 1.0) * np.log1p((x - t) / y)
            step = (height - 42.0) / (a - (b - 1.0) * t / (y + x - t))
            end = np.where(b > 1, end - step, end)
        s = np.arange(-92, 93) / 28.0
        q = np.exp(np.pi * np.sinh(s))
        w = end * (q / (1.0 + q))
        steps = end * (np.pi / 28.0 * np.cosh(s) * q / (1.0 + q) ** 2)
        rise = -x * np.expm1(-w)  # x - t
        logs = np.log(x) - w, np.where(x < 0.5, np.log1p(rise - x), np.log(y + rise))
        first, second = np.where(left, logs[0], logs[1]) - c, np.where(left, logs[1], logs[0]) - d
        terms = np.exp(-a * w + (b - 1.0) * np.log1p(rise / y)) * first**m * second**n * steps
        total = np.where(left, 1.0, -1.0) * np.sum(terms, axis=-1, keepdims=True) / y
        return np.where(inside, total, 0.0)[..., 0].astype(dtype)[()]
