"""The interface of layers.

A layer declares its parameters as segments. It receives arrays with their values, its
inputs, and the memory for its results, and stores nothing between calls except its
settings.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from skann.core.initializers import Initializer
from skann.core.parameters import Segment
from skann.core.types import FloatArray, Generators, Matrix


class Arrays:
    """Arrays by name, allocated for the largest batch and sliced for smaller ones.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, dtype: DTypeLike):
        self.dtype = np.dtype(dtype)
        self._flat: dict[str, FloatArray] = {}

    def cut(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        """Return a contiguous array of a given shape, in the memory with a given name.

        The first call for a name determines the maximum size.
        """
        flat = self._flat.get(name)
        if flat is None:
            flat = self._flat[name] = np.empty(math.prod(shape), self.dtype)
        return flat[: math.prod(shape)].reshape(shape)

    def cut_by_output(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        """Return an array in Fortran order, with contiguous columns of outputs."""
        n_outputs = shape[-1]
        array = self.cut(name, (n_outputs, *shape[:-1]))
        return array.transpose(*range(1, array.ndim), 0)

    def ones(self, n_rows: int) -> FloatArray:
        """Return an array of ones, which must not be changed."""
        if "ones" not in self._flat:
            self._flat["ones"] = np.ones(n_rows, self.dtype)
        return self._flat["ones"][:n_rows]


@dataclass
class Memory:
    """The results of a layer for a batch.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_out)
        The output of the layer; in the backward pass, the delta that replaces it.

    kept : dict of str to ndarray, or None
        Copies of the values of the layer, by name, for inspection, since most of them
        are overwritten in the same pass. None for no copies.
    """

    output: FloatArray
    kept: dict[str, FloatArray] | None

    def keep(self, **arrays: Matrix) -> None:
        """Store copies of arrays."""
        if self.kept is not None:
            for name, array in arrays.items():
                # A unit that a slope of 0 has switched off may be -0.0; the sum is 0.0.
                self.kept[name] = dense(array) + 0.0


MemoryType = TypeVar("MemoryType", bound=Memory)


class Layer(ABC, Generic[MemoryType]):
    """A function of a batch with parameters, and its derivative.

    Attributes
    ----------
    n_in, n_out : int
        The number of columns of its input and its output.

    segments : tuple of Segment
        Its parameters, in the order that all methods use.
    """

    n_in: int
    n_out: int
    segments: tuple[Segment, ...]

    @abstractmethod
    def draw(
        self, init: str | Initializer, random_state: RandomState
    ) -> list[FloatArray]:
        """Return random values of each segment.

        Parameters
        ----------
        init : str or Initializer
            The initialiser of the weights.

        random_state : RandomState
            The generator.
        """

    @abstractmethod
    def memory(
        self,
        n_rows: int,
        arrays: Arrays,
        members: tuple[int, ...] = (),
        *,
        keep: bool = False,
    ) -> MemoryType:
        """Return memory for a batch of `n_rows`.

        Parameters
        ----------
        n_rows : int
            The number of samples.

        arrays : Arrays
            The arrays of this layer, from which the memory is taken.

        members : tuple of int, default=()
            The additional first axis of the parameters, (n_members,); () for a single
            network.

        keep : bool, default=False
            Whether to store copies of the values of the layer.
        """

    @abstractmethod
    def forward(
        self,
        parameters: Sequence[FloatArray],
        layer_input: Matrix,
        memory: MemoryType,
        with_slopes: bool = False,
        generator: Generators | None = None,
    ) -> FloatArray:
        """Return the output for a batch, `memory.output`.

        Parameters
        ----------
        parameters : sequence of ndarray
            The values of each segment.

        layer_input : ndarray or CSR array of shape (n_samples, n_in)
            The output of the layer below; only the first layer can have sparse input.

        memory : Memory
            Memory for n_samples rows.

        with_slopes : bool, default=False
            Whether to also compute what `backward` needs.

        generator : numpy.random.Generator or sequence of them, default=None
            The generators for dropout, one per member, used if slopes are computed;
            None for no dropout.
        """

    @abstractmethod
    def backward(
        self,
        parameters: Sequence[FloatArray],
        layer_input: Matrix,
        delta: FloatArray,
        memory: MemoryType,
        gradients: Sequence[FloatArray],
        passes_on: bool = True,
    ) -> FloatArray | None:
        """Write the gradient of each segment, and return that of the input.

        Parameters
        ----------
        parameters : sequence of ndarray
            The values of each segment in the forward pass.

        layer_input : ndarray or CSR array of shape (n_samples, n_in)
            The input of the forward pass, which may be overwritten with its gradient.

        delta : ndarray of shape (n_samples, n_out)
            The gradient with respect to the output, which is overwritten. It may be
            `memory.output`.

        memory : Memory
            The results of the forward pass.

        gradients : sequence of ndarray
            The arrays to which the gradients with respect to the values of each segment
            are written.

        passes_on : bool, default=True
            Whether the layer below needs the gradient with respect to the input.

        Returns
        -------
        delta : ndarray of shape (n_samples, n_in) or None
            The gradient with respect to the input, or None if it is not needed.
        """

    @abstractmethod
    def absorb_input_change(
        self, parameters: Sequence[FloatArray], shift: np.ndarray, ratio: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Change the parameters in place for inputs x' that replace x.

        Parameters
        ----------
        parameters : sequence of ndarray
            The content of theta for each segment: values divided by rates.

        shift, ratio : ndarray of shape (n_in,), float64
            x = x' * ratio + shift, column by column; of a first layer that takes ranks
            as well, of shape (2 * n_in,).

        Returns
        -------
        change : tuple of two ndarrays of shape (n_out,), or None
            The shift and ratio of the output, which the layer above has to absorb; None
            if the output is unchanged.
        """


class Embedding(Layer[MemoryType]):
    """A first layer that derives some columns from each single input."""

    @abstractmethod
    def weights_by_input(
        self, parameters: Sequence[FloatArray], weights: FloatArray
    ) -> list[FloatArray]:
        """Return, for each input, the weights of the columns derived from it.

        Parameters
        ----------
        parameters : sequence of ndarray
            The values of each segment.

        weights : ndarray of shape (n_out, n_units)
            The weights of the layer above.

        Returns
        -------
        parts : list of ndarray of shape (n_columns, n_units)
            Copies, with the weights of the input itself first.
        """


def dense(X: Matrix) -> FloatArray:
    """Return a matrix as a plain array, itself if it is one."""
    return X if isinstance(X, np.ndarray) else X.toarray()
