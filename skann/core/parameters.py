"""Theta, the flat vector of all parameters, and its named segments.

Each layer declares its arrays of parameters as segments, and the layout places them one
after the other. An optimizer thus works on one vector, the penalty and weight decay on
one contiguous slice of it, and layers on arrays with a shape.

A step of Adam changes every number in theta by about the learning rate, however large
the number is. A segment can therefore have a rate: theta contains value / rate, and a
step changes the value by `rate` times as much. By the chain rule dJ/d(value / rate) =
rate * dJ/dvalue. This is a change of variables, which works for any optimizer,
including L-BFGS.
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

    Tuples are fast to create and compare, which matters for predictions of single rows
    by small models.

    Parameters
    ----------
    name : str
        The name of the array in the layer.

    shape : tuple of int
        The shape of the array.

    penalised : bool, default=False
        Whether the penalty and weight decay apply to it.

    rate : float, default=1
        The change of its values in a step, relative to that of weights.

    attribute : str, default=""
        The attribute of the estimator that shows it to the user, such as "coefs_".

    shared : bool, default=False
        Whether all members of a group have the same values.

    start : int, default=0
        Its start in theta, which is set by the layout.
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
        """Its end in theta."""
        return self.start + self.size

    def view(self, theta: FloatArray) -> FloatArray:
        """Return its part of theta, with the shape of the segment."""
        return theta[..., self.start : self.stop].reshape(
            *theta.shape[:-1], *self.shape
        )


class ParameterLayout:
    """The layout of theta: the position of each array of each layer.

    All penalised segments come first, layer by layer. The other segments of the same
    layers follow, and then those of layers without penalised segments.

    Parameters
    ----------
    layers : sequence of sequences of Segment
        The segments of each layer, starting from the input. Their `start` is ignored.

    Attributes
    ----------
    n_parameters : int
        The length of theta.

    penalised : slice
        The part of theta that is penalised.

    layers : list of list of Segment
        The segments of each layer, with their positions.

    segments : list of Segment
        All segments, in the order of theta.

    rated : list of (slice, float)
        The parts of theta with a rate other than 1, and their rates.

    shared : list of slice
        The parts of theta that the members of a group have in common.

    order : list of int
        The layers, in the order of theta.

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
        """Return the content of theta for each segment of each layer, as views.

        This is the value divided by the rate of the segment.
        """
        if theta.ndim == 1:
            return [
                [theta[start:stop].reshape(shape) for start, stop, shape in places]
                for places in self._places
            ]
        return [[each.view(theta) for each in segments] for segments in self.layers]

    def values(self, theta: FloatArray) -> list[list[FloatArray]]:
        """Return the values of each segment of each layer, as views if possible."""
        return ParameterValues(self, theta).layers

    def pack(
        self, values: Iterable[Iterable[FloatArray]], dtype: DTypeLike
    ) -> FloatArray:
        """Return a new theta with given values of each segment of each layer."""
        arrays = [np.ravel(array) for layer in values for array in layer]
        segments = [segment for segments in self.layers for segment in segments]
        theta = np.empty(self.n_parameters, np.result_type(*arrays, np.float32))
        for segment, array in zip(segments, arrays, strict=True):
            theta[segment.start : segment.stop] = array
        for part, rate in self.rated:
            theta[part] /= rate
        return theta.astype(dtype, copy=False)

    def multiply_by_rates(self, gradient: FloatArray) -> None:
        """Convert the gradient of the values to that of theta, in place."""
        for part, rate in self.rated:
            of_part = gradient[..., part]
            of_part *= rate

    def parameter_name(self, index: int) -> str:
        """Return the name of theta[index] as an element of an attribute.

        An attribute with one array per layer is a list, as in "coefs_[0][3, 2]". For an
        attribute with several arrays of a layer, the elements are numbered, as in
        "embedding[5]".
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
        """Return the indices of at most about `n_wanted` parameters, some per array."""
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
    """Return the cached layout of these layers, for fast predictions."""
    return ParameterLayout(layers)


class ParameterValues:
    """The values of the parameters in a theta that changes in place.

    With a rate of 1, theta contains the values themselves; others have separate memory,
    which is updated by `refresh`.

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
            own = np.empty_like(theta)  # its other parts are never used
            self.rated = [
                (theta[..., part], rate, own[..., part]) for part, rate in layout.rated
            ]
            for segments, values in zip(layout.layers, self.layers, strict=True):
                for number, segment in enumerate(segments):
                    if segment.rate != 1.0:
                        values[number] = segment.view(own)
        self.refresh()

    def refresh(self) -> None:
        """Update the values after theta was changed in place."""
        for part, rate, out in self.rated:
            np.multiply(part, rate, out=out)
