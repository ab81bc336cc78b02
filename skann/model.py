"""The result of a fit: everything that a prediction needs.

A model is a value: a network, its parameters, and the scalings of inputs and targets.
Training creates new models. Nothing changes an existing model, except a user who writes
into its parameters on purpose.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from skann.core.activations import ACTIVATIONS, HiddenActivation
from skann.core.blocks import make_workspaces, map_outputs
from skann.core.layers.beside import Beside, Plain
from skann.core.layers.categories import Categories
from skann.core.layers.layer import Embedding
from skann.core.layers.periodic import Periodic
from skann.core.layers.recent import Recent
from skann.core.losses import Loss
from skann.core.members import mean_of_members
from skann.core.network import Network, Workspace
from skann.core.types import FloatArray, Matrix
from skann.data.columns import Columns, fill_gaps, has_gaps
from skann.data.rows import ScaledRows
from skann.data.scaling import ColumnStatistics, fold_scaling, unscale_columns


def fields_of(instance: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, as they are."""
    return {item.name: getattr(instance, item.name) for item in fields(instance)}


@dataclass(frozen=True)
class Architecture:
    """The architecture of a network, which further training cannot change.

    Parameters
    ----------
    layer_sizes : tuple of int
        The number of inputs, of units in each hidden layer, and of outputs. The inputs
        are the columns of the matrix to which `Columns` converts a table.

    activation : str, HiddenActivation, or tuple of these
        The activation of all hidden layers, or of each.

    output_activation : str
        The name of the output activation.

    scaling : str or None
        How columns are scaled.

    n_frequencies : int
        The number of cosines of each input.

    n_members : int
        The number of networks in the ensemble.

    dtype : str
        "float32" or "float64".

    output_dtype : str
        The dtype of predictions, which may be more precise than that of the network,
        because targets can have large offsets.

    frequency_scale : float
        The standard deviation of the initial frequencies. It describes how to draw a
        network, not the network itself.

    n_indicators : int, default=0
        The number of inputs that are codes or indicators. They come first and are not
        scaled.

    n_levels : tuple of int, default=()
        The number of categories of each column of codes; these are the first inputs.
    """

    layer_sizes: tuple[int, ...]
    activation: str | HiddenActivation | tuple[str | HiddenActivation, ...]
    output_activation: str
    scaling: str | None
    n_frequencies: int
    n_members: int
    dtype: str
    output_dtype: str = field(compare=False)
    frequency_scale: float = field(compare=False)
    n_indicators: int = 0
    n_levels: tuple[int, ...] = ()

    @property
    def n_cosines(self) -> int:
        """The number of cosines of each numeric column, 0 if there are none."""
        return self.n_frequencies if self.layer_sizes[0] > self.n_indicators else 0

    def network(self, dropout: float | Sequence[float] = 0.0) -> Network:
        """Return the network, or that of each member, without its parameters.

        Dropout rates only matter for training.
        """
        embedding: Embedding[Any] | None = None
        n_numbers = self.layer_sizes[0] - self.n_indicators
        n_indicators = self.n_indicators - len(self.n_levels)
        if self.n_cosines > 0:
            embedding = Periodic(n_numbers, self.n_cosines, self.frequency_scale)
        if self.scaling == "stream" and n_numbers > 0:
            embedding = Recent(embedding or Plain(n_numbers))
        if embedding is not None and n_indicators > 0:
            embedding = Beside(n_indicators, embedding)
        if self.n_levels:
            rest = embedding or Plain(n_indicators + n_numbers)
            embedding = Categories(self.n_levels, rest)
        return Network(self.layer_sizes, self.activation, embedding, dropout)

    def hidden_activations(self) -> list[str | HiddenActivation]:
        """Return the activation of each hidden layer, as it was named."""
        if isinstance(self.activation, str | HiddenActivation):
            return [self.activation] * (len(self.layer_sizes) - 2)
        return list(self.activation)

    def require_same(self, wanted: Architecture) -> None:
        """Raise an error if another architecture is wanted than this one."""
        for item in fields(self):
            if not item.compare:
                continue
            trained, asked = getattr(self, item.name), getattr(wanted, item.name)
            if asked != trained:
                if item.name == "layer_sizes":
                    trained, asked = list(trained), list(asked)
                raise ValueError(
                    "warm_start and partial_fit continue to train the same network, "
                    f"with {item.name}={trained!r}, but the parameters or data now "
                    f"require {asked!r}. Change them back, or set warm_start=False and "
                    "call fit to start again."
                )


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its parameters, and the scalings of inputs and targets.

    Parameters
    ----------
    architecture : Architecture
        The architecture of the network.

    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, for scaled inputs and targets.

    inputs : ColumnStatistics or None
        The scaling of the inputs.

    targets : ColumnStatistics or None
        The scaling of the targets.

    temperature : float, default=1
        The number by which the raw output of the averaged members is divided.

    offsets : ndarray of shape (n_outputs,) or None, default=None
        The offsets that are added afterwards; None for no calibration.

    columns : Columns or None, default=None
        How a table is converted to a numeric matrix; None if X already is one.
    """

    architecture: Architecture
    theta: FloatArray
    inputs: ColumnStatistics | None
    targets: ColumnStatistics | None
    temperature: float = 1.0
    offsets: FloatArray | None = None
    columns: Columns | None = None

    @cached_property
    def network(self) -> Network:
        """The network, without its parameters."""
        return self.architecture.network()

    @cached_property
    def _workspaces(self) -> deque[list[Workspace]]:
        """The memory of the last small prediction, reused by one of the same size."""
        return deque(maxlen=1)

    @property
    def output_range(self) -> tuple[float, float]:
        """The closed interval that contains every prediction.

        Targets are scaled only if this does not change the interval: if it is unbounded
        or, for targets that are divided by their mean, bounded only by 0.
        """
        return ACTIVATIONS[self.architecture.output_activation].output_range

    @property
    def log_link(self) -> bool:
        """Whether outputs are logarithms of predictions."""
        return self.architecture.output_activation == "exp"

    def member(self, number: int) -> Model:
        """Return the model of one of the networks, with shared parameters."""
        architecture = replace(self.architecture, n_members=1)
        return replace(
            self.uncalibrated(),
            architecture=architecture,
            theta=self.theta.reshape(-1, self.network.n_parameters)[number],
        )

    def uncalibrated(self) -> Model:
        """Return the same model without calibration."""
        return replace(self, temperature=1.0, offsets=None)

    def with_theta(self, theta: FloatArray) -> Model:
        """Return the same model with other parameters."""
        return replace(self, theta=theta)

    def filled(self, X: Matrix) -> Matrix:
        """Return a matrix with each NaN replaced by the centre of its column.

        This is for columns that had no missing values in training.
        """
        if self.inputs is None or not has_gaps(X):
            return X
        return fill_gaps(X, self.inputs.center_and_scale[0])

    def scaled(self, X: Matrix, dtype: Any = None) -> ScaledRows:
        """Return unscaled rows that are scaled when they are read, in theta's dtype."""
        return ScaledRows(X, self.inputs, self.theta.dtype if dtype is None else dtype)

    def map_outputs(
        self,
        transform: Callable[[FloatArray], np.ndarray],
        X: Matrix,
        *,
        of_members: bool = False,
    ) -> np.ndarray:
        """Apply a function to the raw outputs for unscaled inputs, block by block.

        Parameters
        ----------
        transform : callable
            A function of raw outputs of shape (n_block, n_outputs), which it must not
            keep. It returns an array with n_block rows.

        X : ndarray or CSR array of shape (n_samples, n_inputs)
            The unscaled inputs, without missing values.

        of_members : bool, default=False
            Whether the function receives the raw outputs of each member, with an
            additional first axis, instead of the raw output for their mean.

        Returns
        -------
        result : ndarray of n_samples rows
            The transformed outputs.

        Raises
        ------
        ValueError
            If an output is not finite.
        """

        def transform_finite(raw: FloatArray) -> np.ndarray:
            if not np.isfinite(raw).all():
                raise ValueError(
                    f"The output of the network for X is not finite in {raw.dtype}, "
                    "because X contains values far from those of the training data. "
                    "Check X for outliers, or fit with dtype='float64'."
                )
            if not of_members:
                return transform(self.pooled(raw))
            return transform(self._in_output_dtype(raw))

        # The workspaces serve one computation at a time; other threads find none here.
        n_rows = X.shape[0]
        workspaces: list[Workspace] | None = None
        if n_rows <= self.network.rows_per_block:
            with suppress(IndexError):
                workspaces = self._workspaces.pop()
            if workspaces is None or workspaces[0].n_rows != n_rows:
                workspaces = make_workspaces(self.network, self.theta, n_rows)
        with np.errstate(over="ignore", invalid="ignore"):
            result = map_outputs(
                transform_finite,
                self.network,
                self.theta,
                self.scaled(X),
                None,
                workspaces,
            )
        if workspaces is not None:
            self._workspaces.append(workspaces)
        return result

    def pooled(self, raw: FloatArray) -> FloatArray:
        """Return the raw output for the mean of the members, in the output dtype."""
        mean = mean_of_members(
            self._in_output_dtype(raw), self.architecture.output_activation
        )
        return self.calibrated(mean)

    def calibrated(self, raw: FloatArray) -> FloatArray:
        """Return calibrated raw outputs."""
        if self.offsets is None:
            return raw
        return raw / self.temperature + self.offsets

    def _in_output_dtype(self, raw: FloatArray) -> FloatArray:
        """Return raw outputs in the dtype of predictions (the output dtype)."""
        return raw.astype(self.architecture.output_dtype, copy=False)

    def in_target_units(self, raw: FloatArray) -> FloatArray:
        """Return the predictions for raw outputs, with the same shape."""
        outputs = np.empty_like(raw)
        ACTIVATIONS[self.architecture.output_activation].apply(raw, out=outputs)
        return unscale_columns(outputs, self.targets)

    def loss_in_units(self, loss: Loss) -> Loss:
        """Return a loss, converted to scaled targets."""
        if self.targets is None:
            return loss
        return loss.in_units(self.targets.center_and_scale[1])

    def fold_scaling(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights and biases of an equivalent network for unscaled data."""
        return fold_scaling(
            self.network.weights(self.theta),
            self.network.biases(self.theta),
            self.inputs,
            self.targets,
            log_link=self.log_link,
        )

    def as_state(self) -> dict[str, Any]:
        """Return the model as plain dicts, arrays, numbers and strings."""
        return {
            "architecture": fields_of(self.architecture),
            "theta": self.theta,
            "inputs": None if self.inputs is None else self.inputs.as_state(),
            "targets": None if self.targets is None else self.targets.as_state(),
            "temperature": self.temperature,
            "offsets": self.offsets,
            "columns": None if self.columns is None else fields_of(self.columns),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Model:
        """Return the model that was saved by `as_state`."""
        inputs, targets = (
            None if state[name] is None else ColumnStatistics.from_state(state[name])
            for name in ("inputs", "targets")
        )
        architecture = Architecture(**state["architecture"])
        columns = state["columns"]
        return cls(
            architecture,
            state["theta"],
            inputs,
            targets,
            state["temperature"],
            state["offsets"],
            None if columns is None else Columns(**columns),
        )
