"""Theta, the flat vector of all parameters, and its named segments.

Each layer declares the arrays that it learns as segments. The layout puts them one
after the other, so that an optimizer sees one vector, and the penalty and weight decay
see one contiguous slice of it, while layers see arrays with a shape.

A step of Adam moves every number in theta by about the learning rate, however large
the number is. So a segment has a rate: theta holds value / rate, and a step moves the
value `rate` times as far. By the chain rule dJ/d(value / rate) = rate * dJ/dvalue. This
is a change of variables, which serves any optimizer, L-BFGS included.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from skann.core.types import FloatArray


class Segment(NamedTuple):
    """An array of parameters of a layer, and its place in theta.

    A tuple is made and compared quickly: a small model that predicts one row makes a
    network first.

    Parameters
    ----------
    name : str
        What the layer calls it.

    shape : tuple of int
        The shape of the array.

    penalised : bool, default=False
        Whether the penalty and weight decay make it smaller.

    rate : float, default=1
        How many times as far as a weight its values move in a step of the same length.

    attribute : str, default=""
        What shows it to the user: an attribute of the estimator, such as "coefs_".

    shared : bool, default=False
        Whether the members of a group have the same values, those of the first.

    start : int, default=0
        Where it begins in theta, which the layout decides.
    """

    name: str
    shape: tuple[int, ...]
    penalised: bool = False
    rate: float = 1.0
    attribute: str = ""
    shared: bool = False
    start: int = 0

    @property
    def size(self) -> int:
        """The number of parameters."""
        return math.prod(self.shape)

    @property
    def stop(self) -> int:
        """Where it ends in theta."""
        return self.start + self.size

    def view(self, theta: FloatArray) -> FloatArray:
        """Return the part of theta, in the segment's shape."""
        return theta[..., self.start : self.stop].reshape(
            *theta.shape[:-1], *self.shape
        )


class ParameterLayout:
    """Which part of theta belongs to which array of which layer.

    All penalised segments come first, layer by layer. The others of the same layers
    follow, and then those of layers of which nothing is penalised.

    Parameters
    ----------
    layers : sequence of sequences of Segment
        What each layer declares, from the input up. Their `start` is not looked at.

    Attributes
    ----------
    n_parameters : int
        The length of theta.

    penalised : slice
        The part of theta that is penalised.

    layers : list of list of Segment
        The segments of each layer with their places.

    segments : list of Segment
        All of them in the order in which theta holds them.

    rated : list of (slice, float)
        The parts of theta with a rate of their own, and their rates.

    shared : list of slice
        The parts of theta that the members of a group have in common.

    order : list of int
        The layers in the order in which theta holds them.

    Examples
    --------
    >>> from skann.core.parameters import ParameterLayout, Segment
    >>> layout = ParameterLayout(
    ...     [
    ...         [Segment("W", (3, 2), penalised=True), Segment("b", (2,))],
    ...         [Segment("W", (2, 1), penalised=True), Segment("b", (1,))],
    ...     ]
    ... )
    >>> [(segment.name, segment.start) for segment in layout.layers[1]]
    [('W', 6), ('b', 10)]
    >>> layout.n_parameters, layout.penalised
    (11, slice(0, 8, None))
    """

    def __init__(self, layers: Sequence[Sequence[Segment]]):
        has_penalised = [any(each.penalised for each in layer) for layer in layers]
        self.order = sorted(
            range(len(layers)), key=lambda number: not has_penalised[number]
        )
        self.layers = [list(segments) for segments in layers]
        self.segments: list[Segment] = []
        stop = 0
        for penalised in (True, False):
            for number in self.order:
                for place, segment in enumerate(layers[number]):
                    if segment.penalised == penalised:
                        placed = segment._replace(start=stop)
                        self.layers[number][place] = placed
                        self.segments.append(placed)
                        stop = placed.stop
            if penalised:
                self.penalised = slice(0, stop)
        self.n_parameters = stop
        self.rated: list[tuple[slice, float]] = []
        for rate, group in groupby(self.segments, key=lambda each: each.rate):
            neighbours = list(group)  # which are multiplied at once
            if rate != 1.0:
                part = slice(neighbours[0].start, neighbours[-1].stop)
                self.rated.append((part, rate))
        self.shared: list[slice] = []
        for is_shared, group in groupby(self.segments, key=lambda each: each.shared):
            neighbours = list(group)
            if is_shared:
                self.shared.append(slice(neighbours[0].start, neighbours[-1].stop))
        self._places = [
            [(each.start, each.stop, each.shape) for each in segments]
            for segments in self.layers
        ]

    def views(self, theta: FloatArray) -> list[list[FloatArray]]:
        """Return what theta holds for each segment of each layer, as views.

        That is the value divided by the segment's rate.
        """
        if theta.ndim == 1:
            return [
                [theta[start:stop].reshape(shape) for start, stop, shape in places]
                for places in self._places
            ]
        return [[each.view(theta) for each in segments] for segments in self.layers]

    def values(self, theta: FloatArray) -> list[list[FloatArray]]:
        """Return the values of each segment of each layer; at a rate of 1, as views."""
        return ParameterValues(self, theta).layers

    def pack(
        self, values: Iterable[Iterable[FloatArray]], dtype: DTypeLike
    ) -> FloatArray:
        """Return a new theta that holds the values of each segment of each layer."""
        arrays = [np.ravel(array) for layer in values for array in layer]
        segments = [segment for segments in self.layers for segment in segments]
        theta = np.empty(self.n_parameters, np.result_type(*arrays, np.float32))
        for segment, array in zip(segments, arrays, strict=True):
            theta[segment.start : segment.stop] = array
        for part, rate in self.rated:
            theta[part] /= rate
        return theta.astype(dtype, copy=False)

    def multiply_by_rates(self, gradient: FloatArray) -> None:
        """Turn the gradient of the values into that of theta, in place."""
        for part, rate in self.rated:
            of_part = gradient[..., part]
            of_part *= rate

    def parameter_name(self, index: int) -> str:
        """Say which element of which of the estimator's attributes is theta[index].

        An attribute that shows one array of each layer is a list of them, as in
        "coefs_[0][3, 2]". One that shows several arrays of a layer counts through their
        numbers, as in "embedding[5]".
        """
        seen: Counter[str] = Counter()
        for segments in self.layers:
            for attribute, group in groupby(segments, key=lambda each: each.attribute):
                members = list(group)
                first = members[0]
                if first.start <= index < members[-1].stop:
                    offset = index - first.start
                    if len(members) > 1:
                        return f"{attribute}[{offset}]"
                    place = np.unravel_index(offset, first.shape)
                    numbers = ", ".join(map(str, place))
                    return f"{attribute}[{seen[attribute]}][{numbers}]"
                seen[attribute] += 1
        raise IndexError(f"theta has {self.n_parameters} parameters. Got {index}.")

    def spread(self, n_wanted: int) -> np.ndarray:
        """Return indices of at most about `n_wanted` parameters, some of each array."""
        if n_wanted >= self.n_parameters:
            return np.arange(self.n_parameters)
        segments = [segment for segment in self.segments if segment.size > 0]
        per_array = max(1, n_wanted // len(segments))
        return np.concatenate(
            [
                np.unique(
                    np.linspace(each.start, each.stop - 1, per_array).astype(np.intp)
                )
                for each in segments
            ]
        )


@lru_cache(maxsize=64)
def layout_of(layers: tuple[tuple[Segment, ...], ...]) -> ParameterLayout:
    """Return the layout of these layers, made once: small models predict that often."""
    return ParameterLayout(layers)


class ParameterValues:
    """The values of the parameters in a theta that changes in place.

    At a rate of 1 theta holds the values themselves; the others have memory of their
    own, which `refresh` brings up to date.

    Parameters
    ----------
    layout : ParameterLayout
        The layout of theta.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    Attributes
    ----------
    layers : list of list of ndarray
        The values of each segment of each layer.
    """

    def __init__(self, layout: ParameterLayout, theta: FloatArray):
        self.theta = theta
        self.layers = layout.views(theta)
        self.rated = []
        if layout.rated:
            own = np.empty_like(theta)  # of which the other parts are never touched
            self.rated = [
                (theta[..., part], rate, own[..., part]) for part, rate in layout.rated
            ]
            for segments, values in zip(layout.layers, self.layers, strict=True):
                for number, segment in enumerate(segments):
                    if segment.rate != 1.0:
                        values[number] = segment.view(own)
        self.refresh()

    def refresh(self) -> None:
        """Follow a theta that was changed in place."""
        for part, rate, out in self.rated:
            np.multiply(part, rate, out=out)
