"""The attributes and methods with which a fitted estimator shows its network."""

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
        The number of the first column if the columns have no names, as in "x0".
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        n_features = estimator.n_features_in_
        names = [f"x{number + first_number}" for number in range(n_features)]
    columns = estimator._model.columns
    return list(names) if columns is None else columns.names(names)


class LearnedMixin:
    """The weights of a fitted estimator, and methods to use them."""

    # Set by fit.
    _model: Model
    _training_state: TrainingState
    auto_params_: dict[str, Any]
    # The fold of each row and, for a regressor, the absolute error of the member that
    # left it out; None if members do not leave out folds.
    _out_of_fold: dict[str, Any] | None = None
    # The warnings of the last call.
    _fit_warnings: Sequence[str] = ()

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the estimator is fitted."""
        return hasattr(self, "_model")

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, a list of arrays of shape (fan_in, fan_out).

        For an ensemble, the arrays have an additional first axis of length `n_members`.
        The weights are those for scaled inputs and targets. You can change their
        elements or assign a list of arrays.
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
        """The biases of each layer, a list of arrays of shape (fan_out,).

        For an ensemble, the arrays have an additional first axis of length `n_members`.
        """
        model = self._require_model()
        return model.network.biases(model.theta)

    @intercepts_.setter
    def intercepts_(self, intercepts: Sequence[ArrayLike]) -> None:
        network, theta = self._copied_parameters()
        assign_layers(network.biases(theta), intercepts, "intercepts_")
        self._replace_theta(theta)

    def _copied_parameters(self) -> tuple[Network, FloatArray]:
        """Return the network, and a copy of its parameters."""
        model = self._require_model()
        return model.network, model.theta.copy()

    def _replace_theta(self, theta: FloatArray) -> None:
        """Replace the parameters for predictions and for further training."""
        attributes = {
            "_model": self._model.uncalibrated().with_theta(theta),
            "_training_state": replace(self._training_state, theta=None),
            "_out_of_fold": None,
        }
        self._replace_attributes(attributes, OUT_OF_FOLD)

    def _replace_attributes(
        self, attributes: Mapping[str, Any], stale: Sequence[str]
    ) -> None:
        """Assign attributes and remove outdated ones, in a single step."""
        kept = {name: value for name, value in vars(self).items() if name not in stale}
        self.__dict__ = {**kept, **attributes}

    @property
    def embedding_(self) -> dict[str, np.ndarray] | None:
        """The learned parameters of cosines and category vectors, or None.

        "factors", "frequencies" and "phases" belong to the cosines. "vectors_0",
        "vectors_1" and so on are the vectors of the categorical columns with many
        categories, with a row for each category in order, and a last row for all other
        labels. To change them, change the estimator's parameters and fit again.
        """
        model = self._require_model()
        network = model.network
        if network.embedding is None or not network.embedding.segments:
            return None
        return network.embedding_values(model.theta)

    def member(self, number: int) -> Self:
        """Return an estimator with a single network of the ensemble.

        Displays, traces and gradient checks need a single network.

        Parameters
        ----------
        number : int
            The index of the network, from 0 to `n_members` - 1. A single network has
            index 0.

        Returns
        -------
        member : object
            A fitted estimator of the same class, with `n_members=1`. It shares its
            weights with this estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        IndexError
            If there is no network with this index.

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
                f"The index of a member must be between 0 and {n_members - 1}. Got "
                f"{number!r}."
            )
        copied = copy.copy(self)
        auto_params = {**copied.auto_params_}
        auto_params.pop("n_members", None)  # it is set explicitly now
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
        """Return the weights of the first layer for each column of X, by name.

        The weights are those for scaled columns, so different columns can be compared.
        If the penalty (`alpha`) is large enough to shrink the weights that are not
        needed, the norm of a column's weights shows how much the first layer uses this
        column. It does not show how much the predictions depend on the column; use
        :func:`sklearn.inspection.permutation_importance` for this.

        Returns
        -------
        weights : dict of ndarray of shape (n_rows, n_units)
            The keys are the names in `feature_names_in_`, or "x0", "x1" and so on; the
            keys of indicators also contain the category ("color_red"). The first row
            belongs to the column itself, followed by one row for each of its cosines
            (`n_frequencies`). A categorical column with many categories has one row for
            each element of its vectors. The weights of columns that were constant in
            the training data are zero.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If there are several networks; use `member` to select one.

        See Also
        --------
        fold_scaling : Return the weights for unscaled columns.

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
        """The number of parameters of each network, an int."""
        return self._require_model().network.n_parameters

    def _require_model(self) -> Model:
        """Return the model, or raise the AttributeError that `hasattr` expects."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(
                f"This {type(self).__name__} has no weights yet. Call fit first. To "
                "start from given weights, pass coef_init and intercept_init to fit, "
                "or call from_weights."
            )
        return self._model

    def finalize(self) -> Self:
        """Remove data that only further training needs, to make the pickle smaller.

        Predictions, history and weights do not change. `partial_fit`, and `fit` with
        `warm_start=True`, still continue from the weights, but with a new optimizer
        state, order of samples and random number generator.

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
        """Return the weights and biases of an equivalent network for unscaled data.

        Returns
        -------
        coefs : list of ndarray of shape (fan_in, fan_out), float64
            The weights for unscaled inputs and, for regression, with outputs in the
            units of the target.

        intercepts : list of ndarray of shape (fan_out,), float64
            The corresponding biases.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If there is no equivalent network, because the scaling is "bounded",
            "adaptive" or "stream", or because the network uses cosines of the inputs or
            vectors of categories. Or if there are several networks; use `member` to
            select one.
        """
        check_is_fitted(self)
        if self._model.architecture.n_levels:
            raise ValueError(
                "The network uses vectors for the categories of a column, so there are "
                "no equivalent weights for unscaled inputs. Encode this column in a "
                "pipeline, for example with scikit-learn's OneHotEncoder."
            )
        if self._model.architecture.n_cosines:
            raise ValueError(
                "The network uses cosines of the scaled inputs, so there are no "
                "equivalent weights for unscaled inputs. Fit with n_frequencies=0."
            )
        refuse_members(self._model.architecture.n_members)
        return self._model.fold_scaling()
