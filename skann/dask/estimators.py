"""The two estimators for rows or members on the workers of a cluster."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from distributed import Client
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import check_is_fitted

from skann.dask.cluster import Cluster
from skann.dask.collections import delayed_blocks, is_collection
from skann.dask.members import prepare_members
from skann.dask.predicting import predict_lazily
from skann.dask.preparing import prepare_elsewhere
from skann.estimators.base import BaseBackprop
from skann.estimators.classifier import BackpropClassifier
from skann.estimators.inputs import Request
from skann.estimators.problem import Past, Problem
from skann.estimators.regressor import BackpropRegressor
from skann.estimators.solving import make_loop
from skann.training.call import Call
from skann.training.loop import TrainingLoop

# The additional parameters, which the plain estimators do not have.
OWN = ("client", "distribute")

# The methods of a target, and the methods of the estimator that call them.
_METHODS = {
    "predict": "predict",
    "scores": "decision_function",
    "probabilities": "predict_proba",
    "log_probabilities": "predict_log_proba",
}

_PARAMETERS = """
    distribute : {"rows", "members"}, default="rows"
        What to distribute over the workers. With "rows", each worker has some blocks of
        rows and sends the sum of the gradient over its rows; a single network is
        trained. With "members", each worker has all rows and trains some members of the
        ensemble (`n_members`), without any communication within an epoch. All
        parameters then have the same meaning as in the plain estimator, and the results
        are exactly the same.

    client : distributed.Client, default=None
        The client of the cluster. If None, the current client is used. It is neither
        pickled nor copied.
"""


def made_like(plain: Any) -> Callable[[Any], Any]:
    """Return a decorator that gives a class the parameters of a plain estimator.

    The descriptions of the parameters and fitted attributes are copied as well.
    """

    def decorate(cls: Any) -> Any:
        def initialise(self, *args, distribute="rows", client=None, **params):
            plain.__init__(self, *args, **params)
            self.distribute, self.client = distribute, client

        parameters = [*inspect.signature(plain.__init__).parameters.values()]
        extra = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in (("distribute", "rows"), ("client", None))
        ]
        # scikit-learn looks for the parameters in this signature.
        constructor: Any = initialise
        constructor.__signature__ = inspect.Signature([*parameters, *extra])
        constructor.__name__ = "__init__"
        constructor.__qualname__ = f"{cls.__qualname__}.__init__"
        constructor.__module__ = cls.__module__
        cls.__init__ = constructor
        # The references are listed only by the plain estimator.
        described = inspect.cleandoc(plain.__doc__ or "")
        described = re.sub(r"\s+\[\d+\]_", "", described)
        start, end = (
            described.index("Parameters\n---"),
            described.index("See Also\n---"),
        )
        attributes = described.index("Attributes\n---")
        own = inspect.cleandoc(cls.__doc__ or "")
        summary, _, rest = own.partition("\n\nSee Also\n")
        cls.__doc__ = (
            summary
            + "\n\n"
            + described[start:attributes].rstrip()
            + "\n\n"
            + inspect.cleandoc(_PARAMETERS)
            + "\n\n"
            + described[attributes:end]
            + "See Also\n"
            + rest
        )
        return cls

    return decorate


class DaskMixin(BaseBackprop):
    """The shared part of the two estimators for collections."""

    client: Client | None
    distribute: str
    n_outputs_: int
    _plain: type[BaseBackprop]

    @property
    def client_(self) -> Client:
        """The client that is used, a `distributed.Client`."""
        return Cluster(self.client).client

    def to_local(self) -> Any:
        """Return a plain estimator with the same parameters and weights.

        Returns
        -------
        estimator : BackpropClassifier or BackpropRegressor
            A plain estimator, fitted if this one is. It does not depend on the cluster,
            and can be pickled, exported and inspected.
        """
        local = self._unfitted()
        params = self.get_params(deep=False)
        learned = {
            name: value for name, value in vars(self).items() if name not in params
        }
        vars(local).update(learned)
        return local

    def _unfitted(self):
        """Return the plain estimator with the parameters of this one."""
        params = self.get_params(deep=False)
        return self._plain(**{k: v for k, v in params.items() if k not in OWN})

    def _problem_and_loop(
        self, request: Request, call: Call, past: Past | None
    ) -> tuple[Problem, TrainingLoop]:
        """Return the training problem, and the loop that solves it."""
        if call.is_piece:
            raise ValueError(
                "partial_fit processes data in memory, piece by piece, and does not "
                "use a cluster. Call to_local().partial_fit(...) instead."
            )
        for name, data in (("X", request.X), ("y", request.y)):
            if not is_collection(data):
                delayed_blocks(data, name)  # which raises an error that says what to do
        if self.distribute not in ("rows", "members"):
            raise ValueError(
                f"distribute must be 'rows' or 'members'. Got {self.distribute!r}."
            )
        cluster, plain = Cluster(self.client), self._unfitted()
        if self.distribute == "members":
            problem, hands = prepare_members(cluster, plain, request, call, past)
        else:
            problem, blocks = prepare_elsewhere(
                cluster, plain, request, call, past, is_classifier(self)
            )
            hands = blocks.hands()
        return problem, make_loop(problem, hands)

    def _decode_outputs(self, method: str, X: Any) -> Any:
        """Return predictions, lazily for a collection."""
        if not is_collection(X):
            return super()._decode_outputs(method, X)
        check_is_fitted(self)
        model = self._model
        none = np.zeros((1, self.n_outputs_), model.architecture.output_dtype)
        like = getattr(self._target, method)(model, none)[:0]
        plain = self.to_local().finalize()
        return predict_lazily(X, plain, _METHODS[method], like)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of the predictions, like that of the plain estimator.

        Parameters
        ----------
        X : collection of shape (n_samples, n_features)
            The inputs. They can also be an array in memory.

        y : collection of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : collection of shape (n_samples,), default=None
            The weights of the samples.

        Returns
        -------
        score : float
            The accuracy, or R^2 (for several quantiles, the mean D^2). Predictions and
            targets are sent to this process, but not the inputs.
        """
        local = self.to_local()
        if not is_collection(X):
            return local.score(X, y, sample_weight)
        client = self.client_
        lazy: Any = self._decode_outputs("predict", X)
        predicted = client.compute(lazy).result()
        y, sample_weight = (_in_memory(client, data) for data in (y, sample_weight))
        # The score needs predictions, which are already there.
        local.predict = lambda X: X
        return local.score(predicted, y, sample_weight)

    def __getstate__(self) -> Any:
        state: Any = super().__getstate__()
        return {**state, "client": None}

    def __sklearn_clone__(self) -> Self:
        params = self.get_params(deep=False)
        copied = {
            name: value if name == "client" else clone(value, safe=False)
            for name, value in params.items()
        }
        return type(self)(**copied)


def _in_memory(client, data):
    """Return the rows of a collection as an array; other data as they are."""
    if data is None or not is_collection(data):
        return data
    parts = client.gather(client.compute(delayed_blocks(data, "y")))
    return np.concatenate([np.asarray(part) for part in parts])


@made_like(BackpropClassifier)
class DaskBackpropClassifier(DaskMixin, BackpropClassifier):
    """A `BackpropClassifier` for dask collections.

    `fit` accepts dask arrays, dask data frames and lists of delayed parts, whose rows
    stay on the workers; predictions are lazy dask arrays. The user guide
    (docs/guide/dask.md) explains which fits are exact, what they communicate, and what
    is not supported.

    See Also
    --------
    skann.BackpropClassifier : The plain estimator, which `to_local` returns.
    DaskBackpropRegressor : The same network for regression.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skann.dask import DaskBackpropClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, y = da.from_array(X, chunks=(200, -1)), da.from_array(y, chunks=200)
    >>> with Client(processes=False, dashboard_address=":0"):  # doctest: +SKIP
    ...     classifier = DaskBackpropClassifier(solver="lbfgs", alpha=1.0)
    ...     classifier.fit(X, y).predict_proba(X).compute().shape
    (569, 2)
    """

    _plain = BackpropClassifier


@made_like(BackpropRegressor)
class DaskBackpropRegressor(DaskMixin, BackpropRegressor):
    """A `BackpropRegressor` for dask collections.

    `fit` accepts dask arrays, dask data frames and lists of delayed parts, whose rows
    stay on the workers; predictions are lazy dask arrays. The user guide
    (docs/guide/dask.md) explains which fits are exact, what they communicate, and what
    is not supported.

    See Also
    --------
    skann.BackpropRegressor : The plain estimator, which `to_local` returns.
    DaskBackpropClassifier : The same network for classification.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import load_diabetes
    >>> from skann.dask import DaskBackpropRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = da.from_array(X, chunks=(200, -1)), da.from_array(y, chunks=200)
    >>> with Client(processes=False, dashboard_address=":0"):  # doctest: +SKIP
    ...     regressor = DaskBackpropRegressor(solver="lbfgs", alpha=1.0)
    ...     regressor.fit(X, y).predict(X).compute().shape
    (442,)
    """

    _plain = BackpropRegressor
