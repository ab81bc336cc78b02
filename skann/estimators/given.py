"""A fitted estimator with given weights, without data.

It corresponds to a fit of zero epochs: the problem is prepared for a placeholder row,
and its result is published before the first step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import is_classifier

from skann.core.types import FloatArray
from skann.estimators.checks import assign_layers
from skann.estimators.inputs import CheckedData, Request
from skann.estimators.problem import prepare
from skann.estimators.recipes import Choice, Table, auto_values, is_auto, is_stochastic
from skann.estimators.results import fitted_attributes
from skann.estimators.settings import Settings, check_parameters, resolve
from skann.estimators.solving import make_loop
from skann.training.call import Call

# Settings that need data, or additional learned parameters, are disabled.
WITHOUT_DATA: dict[str, Any] = {"scaling": None, "n_frequencies": 0, "dtype": None}

REMEDIES = {
    "scaling": "Omit it, and use a scaler in a pipeline, as in make_pipeline("
    "StandardScaler(), estimator)",
    "n_frequencies": "Omit it, since the frequencies of cosines have to be learned",
    "categorical_features": "Omit it, and use an encoder in a pipeline",
    "huber_delta": "Set it to a number, since None means to estimate it from targets",
}


class GivenWeightsMixin:
    """Estimators that can be created from weights alone."""

    @classmethod
    def from_weights(
        cls,
        coefs: Sequence[ArrayLike],
        intercepts: Sequence[ArrayLike],
        *,
        classes: ArrayLike | None = None,
        multilabel: bool = False,
        **params: Any,
    ) -> Self:
        """Create a fitted estimator with exactly these weights, without data.

        The estimator can predict, be inspected and exported, and continue training from
        these weights with `partial_fit`, or `fit` with `warm_start=True`. This is
        useful for teaching, for tests, and for weights that were learned elsewhere.

        Parameters
        ----------
        coefs : list of array-like of shape (fan_in, fan_out)
            The weights of each layer, starting from the input, in the format of
            `coefs_`: the weights of a unit are a column. For an ensemble, the shape is
            (n_members, fan_in, fan_out).

        intercepts : list of array-like of shape (fan_out,) or (n_members, fan_out)
            The biases of each layer.

        classes : array-like of shape (n_classes,), default=None
            The labels of a classifier, in ascending order. If None, the labels are 0,
            1, 2 and so on: two classes for one output, otherwise one class per output.

        multilabel : bool, default=False
            Whether the outputs of a classifier are independent labels, so that it
            predicts indicator matrices.

        **params : dict
            Parameters of the estimator. Those set to "auto" have the values of
            `recipe="mlp"`, unless `recipe` is set. Inputs and targets are not scaled,
            and there are no cosines. `hidden_layer_sizes` is derived from the weights.
            The dtype is float32 if all arrays are float32, or if `dtype="float32"`.

        Returns
        -------
        estimator : object
            A fitted estimator, with `n_iter_` and `t_` 0 and `loss_` NaN.

        Raises
        ------
        ValueError
            If the arrays are not compatible with each other or with the parameters.

        Examples
        --------
        A handmade network for the exclusive or, which is 1 if exactly one of the two
        inputs is 1 (Minsky and Papert, 1969):

        >>> from skann import BackpropRegressor
        >>> regressor = BackpropRegressor.from_weights(
        ...     [[[1, 1], [1, 1]], [[1], [-2]]], [[0, -1], [0]], activation="relu"
        ... )
        >>> regressor.predict([[0, 0], [0, 1], [1, 0], [1, 1]])
        array([0., 1., 1., 0.])
        """
        arrays = _arrays(coefs, 2, "coefs")
        biases = _arrays(intercepts, 1, "intercepts")
        if not arrays:
            raise ValueError("coefs must contain one array per layer. Got none.")
        sizes = tuple(array.shape[-1] for array in arrays[:-1])
        named = params.pop("hidden_layer_sizes", sizes)
        if not is_auto(named) and tuple(np.atleast_1d(named)) != sizes:
            raise ValueError(
                f"coefs have hidden layers of {sizes} units, but hidden_layer_sizes="
                f"{named!r} was passed. Omit it."
            )
        if arrays[0].ndim == 3:
            params.setdefault("n_members", arrays[0].shape[0])
        estimator: Any = cls(**{"hidden_layer_sizes": sizes, **params})
        n_outputs = arrays[-1].shape[-1]
        if is_classifier(estimator):
            y, classes = _labels(classes, n_outputs, multilabel=multilabel)
        elif classes is not None or multilabel:
            raise ValueError(
                f"classes and multilabel are only for classifiers. Got classes="
                f"{classes!r} and multilabel={multilabel!r}."
            )
        else:
            y = _numbers(estimator, n_outputs)
        attributes = attributes_of(estimator, arrays, biases, y, classes)
        vars(estimator).update(attributes)
        return estimator


def _arrays(arrays: Sequence[ArrayLike], ndim: int, name: str) -> list[np.ndarray]:
    """Return the arrays of layers, which may have an additional axis of members."""
    shape = "(fan_in, fan_out)" if ndim == 2 else "(fan_out,)"
    found = [np.asarray(array) for array in arrays]
    for number, array in enumerate(found):
        if array.ndim not in (ndim, ndim + 1) or array.size == 0:
            raise ValueError(
                f"{name}[{number}] must have shape {shape}, or an additional first "
                f"axis of members. Got an array of shape {array.shape}."
            )
    return found


def _labels(
    classes: ArrayLike | None, n_outputs: int, *, multilabel: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return placeholder targets of one row for the classes, and the classes."""
    if multilabel:
        if classes is not None:
            raise ValueError(
                "With multilabel=True, the classes are column numbers. Omit classes."
            )
        if n_outputs < 2:
            raise ValueError(
                "multilabel=True needs at least two outputs, one for each label. Got "
                f"{n_outputs}."
            )
        return np.ones((1, n_outputs), int), np.arange(n_outputs)
    known = np.arange(max(2, n_outputs)) if classes is None else np.asarray(classes)
    if known.ndim != 1 or not np.array_equal(known, np.unique(known)):
        raise ValueError(
            "classes must be unique labels in ascending order, one for each output. "
            f"Got {classes!r}."
        )
    return known[:1], known


def _numbers(estimator: Any, n_outputs: int) -> np.ndarray:
    """Return placeholder targets of one row, which every loss accepts."""
    if estimator.loss == "huber" and estimator.huber_delta is None:
        raise _needs_data("huber_delta", None)
    several = estimator.loss == "quantile" and np.ndim(estimator.quantile) > 0
    return np.ones(1) if several or n_outputs == 1 else np.ones((1, n_outputs))


def _needs_data(name: str, value: Any) -> ValueError:
    """Return the error for a setting that needs data."""
    return ValueError(
        f"from_weights does not support {name}={value!r}, which needs training data. "
        f"{REMEDIES[name]}."
    )


def _settings(estimator: Any, n_inputs: int) -> Settings:
    """Return the settings of an estimator with weights, but without data."""
    params = check_parameters(estimator)
    for name in ("scaling", "n_frequencies"):
        if not is_auto(params[name]) and params[name]:
            raise _needs_data(name, params[name])
    categorical = params["categorical_features"]
    if not (categorical is None or isinstance(categorical, str)):
        raise _needs_data("categorical_features", categorical)
    choice = Choice("mlp", "from_weights was given weights and no data")
    if not is_auto(params["recipe"]):
        choice = Choice(params["recipe"], f"recipe={params['recipe']!r} was set")
    # No cosines, and a learning rate that is not adapted to a small piece.
    stand_in = Table(sparse.csr_array((1000, n_inputs)))
    auto, _ = auto_values(params, Call.FIRST_PIECE, choice.recipe, stand_in)
    without = {name: v for name, v in WITHOUT_DATA.items() if name in auto}
    return resolve(params, auto | without, choice)


def attributes_of(
    estimator: Any,
    coefs: Sequence[np.ndarray],
    intercepts: Sequence[np.ndarray],
    y: np.ndarray,
    classes: np.ndarray | None,
) -> Mapping[str, Any]:
    """Return the attributes that an estimator has with these weights.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator for the weights. It is not changed.

    coefs, intercepts : list of ndarray
        The weights and biases of each layer.

    y : ndarray of one row
        A placeholder target, which determines its kind.

    classes : ndarray of shape (n_classes,) or None
        The labels of a classifier.

    Raises
    ------
    ValueError
        If weights, classes and parameters are not compatible.
    """
    n_inputs = coefs[0].shape[-2]
    settings = _settings(estimator, n_inputs)
    narrow = all(array.dtype == np.float32 for array in (*coefs, *intercepts))
    X: FloatArray = np.zeros((1, n_inputs), np.float32 if narrow else np.float64)
    data = CheckedData(X, y, None, {"n_features_in_": n_inputs}, columns=None)
    request = Request(X, y, classes=classes, is_piece=True)
    call = Call.FIRST_PIECE if is_stochastic(settings.solver) else Call.FIT
    # Disable what draws, weighs or sets aside data.
    bare = replace(
        settings, random_state=0, class_weight=None, early_stopping=False,
        batch_size="auto", verbose=False,
    )  # fmt: skip
    problem = prepare(estimator, bare, data, request, call, None)
    network, theta = problem.model.network, problem.model.theta.copy()
    if network.layer_sizes[-1] != coefs[-1].shape[-1]:
        raise ValueError(
            f"The last array of coefs has {coefs[-1].shape[-1]} outputs, but "
            f"{_what(problem.target)} require {network.layer_sizes[-1]} with "
            f"output_activation={settings.output_activation!r}."
        )
    assign_layers(network.weights(theta), coefs, "coefs")
    assign_layers(network.biases(theta), intercepts, "intercepts")
    model = problem.model.with_theta(theta)
    outcome = make_loop(problem).outcome()
    attributes = fitted_attributes(problem, replace(outcome, theta=theta))
    state = attributes["_training_state"]
    fresh = replace(state, order=None, random_state=None, dropout=None)
    return {**attributes, "_model": model, "_training_state": fresh}


def _what(target: Any) -> str:
    """Describe the target in words."""
    if target.kind == "quantiles":
        return f"the quantiles {target.levels}"
    return f"the classes {getattr(target, 'classes', None)}"
