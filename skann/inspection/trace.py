"""Every number of one step of backpropagation, by name."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from skann.core.activations import ACTIVATIONS
from skann.core.network import Workspace
from skann.core.types import FloatArray
from skann.estimators.fitted import (
    check_network,
    fitted_problem,
    single_model_of,
    used_settings,
)
from skann.estimators.inputs import check_inputs
from skann.training.batches import loss_and_gradient

# Larger arrays are summarised.
_MOST_NUMBERS = 60

_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}


@dataclass(frozen=True)
class LayerTrace:
    """The numbers of one layer of weights in a step of backpropagation.

    Attributes
    ----------
    name : str
        "hidden layer 1", ... or "output layer".

    weights : ndarray of shape (fan_in, fan_out)
        W, before the step.

    biases : ndarray of shape (fan_out,)
        b, before the step.

    input : ndarray of shape (n_samples, fan_in)
        The input of the layer: scaled X, or the activation of the previous layer.

    pre_activation : ndarray of shape (n_samples, fan_out)
        z = input W + b.

    activation : ndarray of shape (n_samples, fan_out)
        f(z); for the output layer, the prediction of the scaled targets.

    delta : ndarray of shape (n_samples, fan_out)
        dJ/dz.

    weight_gradient : ndarray of shape (fan_in, fan_out)
        dJ/dW = input^T delta, plus alpha W / n from the penalty.

    bias_gradient : ndarray of shape (fan_out,)
        dJ/db, the sum of delta over the samples.

    weight_update : ndarray of shape (fan_in, fan_out)
        What a step of plain gradient descent adds to W.

    bias_update : ndarray of shape (fan_out,)
        What this step adds to b.
    """

    name: str
    weights: FloatArray
    biases: FloatArray
    input: FloatArray
    pre_activation: FloatArray
    activation: FloatArray
    delta: FloatArray
    weight_gradient: FloatArray
    bias_gradient: FloatArray
    weight_update: FloatArray
    bias_update: FloatArray


@dataclass(frozen=True)
class BackpropTrace:
    """The result of `trace_backprop`; as text, the four steps with their numbers.

    Attributes
    ----------
    layers : list of LayerTrace
        The layers of weights, starting from the input.

    target : ndarray of shape (n_samples, n_outputs)
        The encoded and scaled targets.

    loss : float
        The objective J, including the penalty.

    learning_rate : float
        The learning rate of the updates.

    digits : int or None
        The number of decimals to show; if None, as set by `numpy.printoptions`.
    """

    layers: list[LayerTrace]
    target: FloatArray
    loss: float
    learning_rate: float
    digits: int | None = None

    def steps(self) -> Iterator[tuple[str, list[tuple[str, str, FloatArray]]]]:
        """Yield the title of each step, and its rows: layer, symbol and numbers."""
        eta = f"{self.learning_rate:g}"
        first = [("input", "a_0", self.layers[0].input)]
        for number, layer in enumerate(self.layers, start=1):
            first.append((layer.name, f"z_{number}", layer.pre_activation))
            first.append((layer.name, f"a_{number}", layer.activation))
        yield "1. Forward: z = a W + b, then a = f(z)", first

        last = len(self.layers)
        loss = np.array(self.loss)
        yield (
            "2. Compare: the loss, and how it changes with the raw output",
            [
                ("target", "y", self.target),
                ("loss", "J", loss),
                (self.layers[-1].name, f"delta_{last}", self.layers[-1].delta),
            ],
        )
        third = []
        for number in range(last, 0, -1):
            layer = self.layers[number - 1]
            if number < last:
                third.append((layer.name, f"delta_{number}", layer.delta))
            third.append((layer.name, f"dJ/dW_{number}", layer.weight_gradient))
            third.append((layer.name, f"dJ/db_{number}", layer.bias_gradient))
        yield "3. Backward: dJ/dW = a^T delta, then delta W^T * f'(z) below", third

        fourth = []
        for number, layer in enumerate(self.layers, start=1):
            for symbol, old, update in (
                ("W", layer.weights, layer.weight_update),
                ("b", layer.biases, layer.bias_update),
            ):
                fourth.append((layer.name, f"{symbol}_{number}", old))
                fourth.append((layer.name, f"new {symbol}_{number}", old + update))
        yield f"4. Update: new W = W - {eta} dJ/dW", fourth

    def __str__(self) -> str:
        lines = []
        for title, rows in self.steps():
            lines.append(title)
            for place, symbol, numbers in rows:
                head = f"  {place:<15} {symbol:<8} "
                text = _as_text(numbers, self.digits).split("\n")
                indent = "\n" + " " * len(head)
                lines.append(head + indent.join(text))
            lines.append("")
        return "\n".join(lines).rstrip()

    def to_html(self) -> str:
        """Return the four steps as HTML, with one table per step.

        Returns
        -------
        html : str
            An HTML fragment, for a notebook or a web page.
        """
        parts = []
        for title, rows in self.steps():
            parts.append(f"<h4>{escape(title)}</h4>\n<table>")
            for place, symbol, numbers in rows:
                text = escape(_as_text(numbers, self.digits))
                parts.append(
                    f"<tr><td>{escape(place)}</td><td><i>{escape(symbol)}</i></td>"
                    f"<td><pre>{text}</pre></td></tr>"
                )
            parts.append("</table>")
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_latex(self) -> str:
        r"""Return the four steps as LaTeX, for the `amsmath` package.

        A matrix of more than ten columns also needs
        `\setcounter{MaxMatrixCols}{60}` in the preamble.

        Returns
        -------
        latex : str
            A `\paragraph` and an `align*` environment for each step.
        """
        return "\n".join(
            rf"\paragraph{{{title}}}" + f"\n{equations}"
            for title, equations in self._latex_steps()
        )

    def to_slides(self, title: str = "Backpropagation, step by step") -> str:
        r"""Return the four steps as slides, in a LaTeX document for `beamer`.

        Parameters
        ----------
        title : str, default="Backpropagation, step by step"
            The title on the first slide, as plain text: special characters of LaTeX are
            escaped.

        Returns
        -------
        latex : str
            A complete document, with one slide per step. Content too large for a slide
            is shrunk.
        """
        escaped = "".join(_LATEX_ESCAPES.get(letter, letter) for letter in title)
        parts = [
            r"\documentclass{beamer}",
            r"\usepackage[utf8]{inputenc}",
            r"\usepackage{amsmath}",
            rf"\setcounter{{MaxMatrixCols}}{{{_MOST_NUMBERS}}}",
            rf"\title{{{escaped}}}",
            r"\date{}",
            r"\begin{document}",
            r"\frame{\titlepage}",
        ]
        for heading, equations in self._latex_steps():
            parts += [
                rf"\begin{{frame}}[shrink]{{{heading}}}",
                equations,
                r"\end{frame}",
            ]
        return "\n".join([*parts, r"\end{document}", ""])

    def _latex_steps(self) -> Iterator[tuple[str, str]]:
        """Yield the title of each step, and its equations, in LaTeX."""
        for title, rows in self.steps():
            heading = title.replace("^T", r"$^T$").replace("_", r"\_")
            equations = [
                f"{_latex_symbol(symbol)} &= {_as_latex(numbers, self.digits)}"
                rf" && \text{{{place}}}"
                for place, symbol, numbers in rows
            ]
            body = "\\\\\n".join(equations)
            yield heading, "\\begin{align*}\n" + body + "\n\\end{align*}"


def trace_backprop(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    learning_rate: float | None = None,
    digits: int | None = None,
) -> BackpropTrace:
    """Trace one step of plain gradient descent, with all its numbers.

    The samples form one batch, and everything is computed in float64, without dropout,
    exactly as in `check_gradient`.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted or partially fitted estimator. It is not changed.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The inputs; a few samples are enough.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    learning_rate : float, default=None
        The learning rate of the step, greater than 0. If None, the `learning_rate_init`
        of the estimator is used.

    digits : int, default=None
        The number of decimals to show. If None, as set by
        :func:`numpy.set_printoptions` or :func:`numpy.printoptions` when the trace is
        shown.

    Returns
    -------
    trace : BackpropTrace
        All numbers of the step. `print(trace)` shows them.

    Raises
    ------
    NotFittedError
        If the estimator has no parameters yet.

    ValueError
        If the data do not match the estimator.

    Notes
    -----
    The formulas are those of Rumelhart, Hinton and Williams, 1986, "Learning
    representations by back-propagating errors", equations 1 to 8.

    Examples
    --------
    >>> from skann import BackpropRegressor
    >>> from skann.inspection import trace_backprop
    >>> regressor = BackpropRegressor.from_weights(
    ...     [[[0.5], [0.25]]], [[1.0]], alpha=0.0
    ... )
    >>> print(trace_backprop(regressor, [[1.0, 2.0]], [3.0], learning_rate=0.1))
    1. Forward: z = a W + b, then a = f(z)
      input           a_0      [[1. 2.]]
      output layer    z_1      [[2.]]
      output layer    a_1      [[2.]]
    <BLANKLINE>
    2. Compare: the loss, and how it changes with the raw output
      target          y        [[3.]]
      loss            J        0.5
      output layer    delta_1  [[-1.]]
    <BLANKLINE>
    3. Backward: dJ/dW = a^T delta, then delta W^T * f'(z) below
      output layer    dJ/dW_1  [[-1.]
                                [-2.]]
      output layer    dJ/db_1  [-1.]
    <BLANKLINE>
    4. Update: new W = W - 0.1 dJ/dW
      output layer    W_1      [[0.5 ]
                                [0.25]]
      output layer    new W_1  [[0.6 ]
                                [0.45]]
      output layer    b_1      [1.]
      output layer    new b_1  [1.1]
    """
    check_network(estimator)
    if learning_rate is None:
        learning_rate = used_settings(estimator).learning_rate_init
    check_scalar(
        learning_rate, "learning_rate", Real, min_val=0,
        include_boundaries="neither",
    )  # fmt: skip
    if digits is not None:
        check_scalar(digits, "digits", Integral, min_val=0)
    objective, theta, data = fitted_problem(estimator, X, y, sample_weight)
    network = objective.network
    workspace = Workspace(network, data.n_samples, theta.dtype, keep=True)
    loss, gradient, _ = loss_and_gradient(objective, theta, data, workspace)
    passed = _kept(network, workspace, data.n_samples, objective.loss.output_activation)
    layers = [
        LayerTrace(
            name=f"hidden layer {number}",
            weights=weights,
            biases=biases,
            **kept,
            weight_gradient=weight_gradient,
            bias_gradient=bias_gradient,
            weight_update=-learning_rate * weight_gradient,
            bias_update=-learning_rate * bias_gradient,
        )
        for number, (kept, (weights, biases), (weight_gradient, bias_gradient)) in (
            enumerate(
                zip(passed, network.views(theta), network.views(gradient), strict=True),
                start=1,
            )
        )
    ]
    layers[-1] = replace(layers[-1], name="output layer")
    return BackpropTrace(
        layers, data.dense_target, float(loss), float(learning_rate), digits
    )


def forward_layers(
    estimator: Any, X: Any
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Return the input, the pre-activation and the activation of each layer.

    For the output layer, the latter two are the raw output and the prediction of the
    scaled targets.
    """
    model = single_model_of(estimator)
    network, theta = model.network, model.theta.astype(np.float64)
    if not hasattr(X, "columns"):  # an array has no column names
        estimator = copy.copy(estimator)
        vars(estimator).pop("feature_names_in_", None)
    scaled = model.scaled(check_inputs(estimator, X), np.float64)[:]
    workspace = Workspace(network, scaled.shape[0], theta.dtype, keep=True)
    network.forward(theta, scaled, workspace)
    output_activation = ACTIVATIONS[model.architecture.output_activation]
    return [
        (kept["input"], kept["pre_activation"], kept["activation"])
        for kept in _kept(network, workspace, scaled.shape[0], output_activation)
    ]


def _kept(network, workspace, n_samples, output_activation):
    """Return the values that the passes have stored for each layer, by name.

    The network stops at the raw output; here it is turned into the prediction.
    """
    memories = workspace.buffers(n_samples).memories[-network.n_layers :]
    layers = [memory.kept for memory in memories]
    prediction = layers[-1]["activation"]
    output_activation.apply(prediction, out=prediction)
    return layers


def _summary(numbers: FloatArray) -> str:
    """Summarise a large array."""
    return (
        f"{' x '.join(map(str, numbers.shape))} numbers from {numbers.min():.4g} to "
        f"{numbers.max():.4g}"
    )


def _as_text(numbers: FloatArray, digits: int | None) -> str:
    """Return an array as text, small ones in full."""
    if numbers.size > _MOST_NUMBERS:
        return _summary(numbers)
    # With few decimals, a number that is rounded to 0 is shown as 0.
    suppress = None if digits is None else True
    return np.array2string(numbers, precision=digits, suppress_small=suppress)


def _as_latex(numbers: FloatArray, digits: int | None) -> str:
    """Return an array as a LaTeX matrix, small ones in full."""
    if numbers.size > _MOST_NUMBERS:
        return rf"\text{{{_summary(numbers)}}}"
    if numbers.ndim == 0:
        return _latex_number(numbers, digits)
    rows = [
        " & ".join(_latex_number(number, digits) for number in row)
        for row in np.atleast_2d(numbers)
    ]
    return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"


def _latex_number(number: FloatArray, digits: int | None) -> str:
    """Return a number in LaTeX, very small or large ones with a power of ten."""
    text = _as_text(np.asarray(number), digits).rstrip(".")
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa.rstrip('.')} \cdot 10^{{{int(exponent)}}}" if exponent else text


def _latex_symbol(symbol: str) -> str:
    """Return a symbol of the text as LaTeX."""
    name, _, number = symbol.rpartition("_")
    name = name.replace("delta", r"\delta")
    if not name:  # a symbol without a number
        return symbol
    index = f"_{{{number}}}"
    if name.startswith("new "):
        return rf"{name.removeprefix('new ')}{index}^{{\text{{new}}}}"
    if name.startswith("dJ/d"):
        return rf"\partial J / \partial {name.removeprefix('dJ/d')}{index}"
    return name + index
