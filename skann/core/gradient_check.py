"""Check a gradient with finite differences.

Each parameter is moved up and down slightly, and the change of the objective is
compared with the result of backpropagation. A suitable step for each parameter is found
without using the analytic gradient: of several steps, the two neighbouring ones with
the best agreement are chosen. Larger steps are biased by the curvature (or cross the
kink of a ReLU), and smaller steps suffer from rounding errors. Training may end at a
kink, where the slope of either side is correct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import approx_fprime

from skann.core.types import FloatArray

_STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)

# The two sides differ by the step times the second derivative or, at a kink, by the
# jump of the slope. This share of the difference adds to the doubt.
_KINK = 1e-4

# There is a kink if the slopes of the two sides differ by more than this share.
_JUMP = 0.01

# The estimates are accurate to about 1e-9 of the largest derivative. The errors of
# derivatives below this fraction of it are measured relative to the fraction.
_FLOOR = 1e-5


@dataclass(frozen=True)
class GradientReport:
    """The result of `check_gradient`, which is true if the gradient is right.

    Attributes
    ----------
    max_relative_error : float
        The largest relative error of all checked parameters.

    worst_parameter : str
        The parameter with the largest error, such as "coefs_[0][3, 2]".

    analytic : float
        The derivative with respect to that parameter by backpropagation.

    numeric : float
        The derivative with respect to that parameter by finite differences.

    layer_errors : dict of str to float
        The largest relative errors of the weights and the biases of each layer, with
        the keys "coefs_[0]", ..., "intercepts_[0]", ...

    n_checked : int
        The number of parameters that were checked.

    n_parameters : int
        The number of parameters of the network.

    tolerance : float
        The largest relative error for which the check passes.
    """

    max_relative_error: float
    worst_parameter: str
    analytic: float
    numeric: float
    layer_errors: dict[str, float]
    n_checked: int
    n_parameters: int
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the largest relative error is within the tolerance."""
        return self.max_relative_error <= self.tolerance

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "The gradient is right" if self.passed else "The gradient is WRONG"
        relation = "<=" if self.passed else ">"
        lines = [
            f"{verdict}: largest relative error {self.max_relative_error:.2e} "
            f"{relation} {self.tolerance:.0e},",
            f"at {self.worst_parameter}: backpropagation {self.analytic:.10g}, "
            f"finite differences {self.numeric:.10g}.",
            f"{self.n_checked} of {self.n_parameters} parameters checked:",
        ]
        lines += [
            f"  {name:<16} {error:.2e}" for name, error in self.layer_errors.items()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        verdict = "&#10003; The gradient is right"
        if not self.passed:
            verdict = "&#10007; The gradient is WRONG"
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code></td><td>{error:.2e}</td>"
            f"<td>{'&#10003;' if error <= self.tolerance else '&#10007;'}</td></tr>"
            for name, error in self.layer_errors.items()
        )
        return (
            f"<p><b>{verdict}</b>: the largest relative error is "
            f"{self.max_relative_error:.2e}, and {self.tolerance:.0e} passes. It is at "
            f"<code>{escape(self.worst_parameter)}</code>, with {self.analytic:.10g} "
            f"by backpropagation and {self.numeric:.10g} by finite differences. "
            f"{self.n_checked} of {self.n_parameters} parameters were checked.</p>"
            "<table><thead><tr><th>parameters</th><th>largest relative error</th>"
            f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
        )


def finite_differences(
    function: Callable[[FloatArray], float], point: FloatArray
) -> FloatArray:
    """Return the derivative of `function` at `point` by central differences.

    Parameters
    ----------
    function : callable
        A function of an array of shape (n,) that returns a float.

    point : ndarray of shape (n,), float64
        The point at which to differentiate.

    Returns
    -------
    derivative : ndarray of shape (n,)
        (f(x + h) - f(x - h)) / (2 h) for each coordinate, with the step h at which
        the estimate changes least from one step to the next.
    """
    size = np.maximum(np.abs(point), 1.0)
    forward, backward = (
        np.stack(
            [approx_fprime(point, function, sign * step * size) for step in _STEPS]
        )
        for sign in (1, -1)
    )
    estimates = (forward + backward) / 2
    # Beyond a kink, the estimates also agree, but the two sides do not.
    doubt = np.abs(np.diff(estimates, axis=0))
    doubt += _KINK * np.abs(forward - backward)[1:]
    best = doubt.argmin(axis=0)
    # Of the two steps that agree, the smaller one has the smaller bias.
    return estimates[best + 1, np.arange(point.size)]


def slopes_of_both_sides(
    function: Callable[[FloatArray], float], point: FloatArray, index: int
) -> FloatArray:
    """Return the slopes along one coordinate on both sides of a point.

    Parameters
    ----------
    function : callable
        A function of an array of shape (n,) that returns a float.

    point : ndarray of shape (n,), float64
        The point at which to differentiate.

    index : int
        The coordinate.

    Returns
    -------
    slopes : ndarray of shape (4,)
        (f(x + h) - f(x)) / h for small steps h to the right and to the left. At a kink,
        the slopes of the two sides differ; otherwise, they differ only by about a
        millionth of the second derivative.
    """

    def along(coordinate: FloatArray) -> float:
        moved = point.copy()
        moved[index] = coordinate[0]
        return function(moved)

    start = point[[index]]
    size = max(1.0, abs(float(start[0])))
    steps = [side * step * size for side in (1, -1) for step in (1e-6, 1e-7)]
    return np.array([approx_fprime(start, along, step)[0] for step in steps])


def compare_gradients(
    function: Callable[[FloatArray], float],
    gradient: FloatArray,
    theta: FloatArray,
    checked: ArrayLike,
    parameter_name: Callable[[int], str],
    tolerance: float,
) -> GradientReport:
    """Compare a gradient with finite differences of `function` at `theta`.

    Parameters
    ----------
    function : callable
        The objective, of an array of shape (n_parameters,).

    gradient : ndarray of shape (n_parameters,)
        Its gradient at theta, to be checked.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    checked : array-like of int
        The indices of the parameters to check.

    parameter_name : callable
        A function that returns the name of a parameter, given its index.

    tolerance : float
        The largest relative error for which the check passes.

    Returns
    -------
    report : GradientReport
        The comparison.
    """
    indices = np.asarray(checked, dtype=np.intp)
    moved = theta.copy()

    def of_checked(values: FloatArray) -> float:
        moved[indices] = values
        return function(moved)

    numeric = finite_differences(of_checked, theta[indices])
    analytic = gradient[indices]
    magnitude = np.maximum(np.abs(numeric), np.abs(analytic))
    floor = max(_FLOOR * float(np.abs(numeric).max()), np.finfo(np.float64).tiny)
    with np.errstate(invalid="ignore"):
        errors = np.abs(analytic - numeric) / np.maximum(magnitude, floor)
    for i in np.flatnonzero(errors > tolerance):
        sides = slopes_of_both_sides(of_checked, theta[indices], int(i))
        size = max(float(magnitude[i]), floor)
        jumps = abs(sides[0] - sides[2]) > _JUMP * size
        if jumps:
            errors[i] = min(errors[i], np.abs(analytic[i] - sides).min() / size)
    # A derivative that is not finite has an infinite error.
    errors[~(np.isfinite(analytic) & np.isfinite(numeric))] = np.inf

    layer_errors: dict[str, float] = {}
    for index, error in zip(indices, errors, strict=True):
        layer = parameter_name(int(index)).rpartition("[")[0]
        layer_errors[layer] = max(layer_errors.get(layer, 0.0), float(error))
    worst = int(errors.argmax())
    return GradientReport(
        max_relative_error=float(errors[worst]),
        worst_parameter=parameter_name(int(indices[worst])),
        analytic=float(analytic[worst]),
        numeric=float(numeric[worst]),
        layer_errors=layer_errors,
        n_checked=indices.size,
        n_parameters=theta.size,
        tolerance=tolerance,
    )
