"""What a fitted estimator shows of the network that it has learned."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skann.core.network import Network
from skann.core.types import FloatArray
from skann.estimators.checks import assign_layers, refuse_members
from skann.estimators.folds import OUT_OF_FOLD
from skann.model import Model
from skann.training.state import TrainingState


def input_names(estimator: Any, first_number: int = 0) -> list[str]:
    """Return a name for each input of the network of a fitted estimator.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator.

    first_number : int, default=0
        The number of the first column, if they have no names: "x0", say.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        n_features = estimator.n_features_in_
        names = [f"x{number + first_number}" for number in range(n_features)]
    columns = estimator._model.columns
    return list(names) if columns is None else columns.names(names)


class LearnedMixin:
    """The weights of a fitted estimator, and what can be done with them."""

    # Set by fit.
    _model: Model
    _training_state: TrainingState
    auto_params_: dict[str, Any]
    # The fold of each row and, of a regressor, the absolute errors there of the member
    # that has left it out; None if there is none.
    _out_of_fold: dict[str, Any] | None = None
    # What the last call has warned of.
    _fit_warnings: Sequence[str] = ()

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a model."""
        return hasattr(self, "_model")

    @property
    def coefs_(self) -> list[np.ndarray]:
        """List of ndarray : The weights of each layer, of shape (fan_in, fan_out).

        Those of several networks have an axis of `n_members` before these. They belong
        to the scaled inputs and targets. Their elements can be changed, and a list of
        arrays can be assigned.
        """
        model = self._require_model()
        return model.network.weights(model.theta)

    @coefs_.setter
    def coefs_(self, coefs: Sequence[ArrayLike]) -> None:
        network, theta = self._copied_parameters()
        assign_layers(network.weights(theta), coefs, "coefs_")
        self._replace_theta(theta)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """List of ndarray : The biases of each layer, of shape (fan_out,).

        Those of several networks have an axis of `n_members` before it.
        """
        model = self._require_model()
        return model.network.biases(model.theta)

    @intercepts_.setter
    def intercepts_(self, intercepts: Sequence[ArrayLike]) -> None:
        network, theta = self._copied_parameters()
        assign_layers(network.biases(theta), intercepts, "intercepts_")
        self._replace_theta(theta)

    def _copied_parameters(self) -> tuple[Network, FloatArray]:
        """Return the network and a copy of its parameters, to be changed."""
        model = self._require_model()
        return model.network, model.theta.copy()

    def _replace_theta(self, theta: FloatArray) -> None:
        """Let predictions, and training that goes on, start from other parameters."""
        attributes = {
            "_model": self._model.uncalibrated().with_theta(theta),
            "_training_state": replace(self._training_state, theta=None),
            "_out_of_fold": None,
        }
        self._replace_attributes(attributes, OUT_OF_FOLD)

    def _replace_attributes(
        self, attributes: Mapping[str, Any], stale: Sequence[str]
    ) -> None:
        """Assign attributes and remove stale ones, in a single step."""
        kept = {name: value for name, value in vars(self).items() if name not in stale}
        self.__dict__ = {**kept, **attributes}

    @property
    def embedding_(self) -> dict[str, np.ndarray] | None:
        """Dict of ndarray : What else was learned of the inputs, or None for nothing.

        The cosines are made of "factors", "frequencies" and "phases"; "vectors_0",
        "vectors_1" and so on hold the vectors of each categorical column of many
        levels, a row for each level in order, and at last that of all other labels. To
        change them, change the estimator's parameters and fit again.
        """
        model = self._require_model()
        network = model.network
        if network.embedding is None:
            return None
        return network.embedding_values(model.theta)

    def member(self, number: int) -> Self:
        """Return an estimator of one of the networks that are averaged.

        Displays, traces and gradient checks look at one network.

        Parameters
        ----------
        number : int
            Which one, from 0 to `n_members` - 1; the only one of an estimator of one
            network is 0.

        Returns
        -------
        member : object
            A fitted estimator of the same kind, with `n_members=1`. It shares its
            weights with this one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        IndexError
            If there is no network of that number.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from skann import BackpropClassifier
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> classifier = BackpropClassifier(n_members=4, random_state=0).fit(X, y)
        >>> classifier.coefs_[0].shape, classifier.member(3).coefs_[0].shape
        ((4, 120, 64), (120, 64))
        """
        check_is_fitted(self)
        model = self._model
        n_members = model.architecture.n_members
        if not 0 <= number < n_members:
            raise IndexError(
                f"There are {n_members} networks, from 0 to {n_members - 1}. Got "
                f"{number!r}."
            )
        copied = copy.copy(self)
        auto_params = {**copied.auto_params_}
        auto_params.pop("n_members", None)  # which is named now
        attributes = {
            "n_members": 1,
            "auto_params_": auto_params,
            "_model": model.member(number),
            "_training_state": self._training_state.only_progress(),
            "_out_of_fold": None,
        }
        copied._replace_attributes(attributes, OUT_OF_FOLD)
        return copied

    def input_weights(self) -> dict[str, np.ndarray]:
        """Return, for each column of X by name, its weights to the first layer.

        They belong to scaled columns, so that those of different columns can be
        compared. With a penalty (`alpha`) that shrinks what is not needed, the norm of
        a column's weights says how much the first layer listens to it. How much the
        predictions depend on it only predictions say:
        :func:`sklearn.inspection.permutation_importance` asks them.

        Returns
        -------
        weights : dict of ndarray of shape (n_rows, n_units)
            By the names in `feature_names_in_`, or "x0", "x1" and so on, with that of
            the level behind it for an indicator ("color_red"). The first row
            belongs to the column itself, and in a network that takes cosines
            (`n_frequencies`) one more to each of its cosines. A categorical column of
            many levels has a row for each number of its vectors. Those of a column that
            was constant when its scaling was measured are zero.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If there are several networks, of which `member` gives one.

        See Also
        --------
        fold_scaling : Weights for columns in their own units.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_diabetes
        >>> from skann import BackpropRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> regressor = BackpropRegressor((64,), alpha=100.0, random_state=0)
        >>> weights = regressor.fit(X, y).input_weights()
        >>> weights["bmi"].shape
        (4, 64)
        >>> norms = {name: np.linalg.norm(part) for name, part in weights.items()}
        >>> sorted(sorted(norms, key=norms.get, reverse=True)[:2])
        ['bmi', 's5']
        """
        check_is_fitted(self)
        model = self._model
        refuse_members(model.architecture.n_members)
        parts = model.network.weights_by_input(model.theta)
        names = input_names(self)
        if model.inputs is not None:
            for number in np.flatnonzero(model.inputs.is_constant):
                parts[number][...] = 0
        return dict(zip(names, parts, strict=True))

    @property
    def n_parameters_(self) -> int:
        """Int : The number of weights, biases and all else that each network learns."""
        return self._require_model().network.n_parameters

    def _require_model(self) -> Model:
        """Return the model, or raise the AttributeError that `hasattr` expects."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(
                f"This {type(self).__name__} has no weights yet: call fit first. To "
                "start from given weights, pass coef_init and intercept_init to fit, "
                "or call from_weights."
            )
        return self._model

    def finalize(self) -> Self:
        """Drop what only further training needs, so that a pickle is small.

        Predictions, the history and the weights stay. `partial_fit` and a warm `fit`
        still continue from the weights, but the optimizer's state, the order of the
        samples and the random generator start anew.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self)
        self._training_state = self._training_state.only_progress()
        return self

    def fold_scaling(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights and biases of the same network on unscaled data.

        Returns
        -------
        coefs : list of ndarray of shape (fan_in, fan_out), float64
            Weights that take raw inputs and, for regression, give outputs in the
            target's units.

        intercepts : list of ndarray of shape (fan_out,), float64
            The biases that go with them.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If the network takes cosines of the inputs, which are not linear in them, or
            vectors of the levels of a column, or if their scaling is "bounded" or
            "adaptive", neither of which is linear, or if there are several networks, of
            which `member` gives one.
        """
        check_is_fitted(self)
        if self._model.architecture.n_levels:
            raise ValueError(
                "The network looks up vectors for the levels of a categorical column, "
                "so that no weights for raw inputs do the same. Encode this column in "
                "a pipeline, as by scikit-learn's OneHotEncoder."
            )
        if self._model.network.embedding is not None:
            raise ValueError(
                "The network takes cosines of the scaled inputs as well, so that no "
                "weights for raw inputs do the same. Fit with n_frequencies=0."
            )
        refuse_members(self._model.architecture.n_members)
        return self._model.fold_scaling()
