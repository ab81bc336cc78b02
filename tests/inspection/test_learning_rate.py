"""The learning-rate range test finds rates that train, and changes nothing."""

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from threadpoolctl import threadpool_info, threadpool_limits

from skann import BackpropClassifier, BackpropRegressor, SquaredError
from skann.inspection import suggest_learning_rate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DATA = {
    "cancer": (BackpropClassifier, load_breast_cancer),
    "digits": (BackpropClassifier, load_digits),
    "diabetes": (BackpropRegressor, load_diabetes),
}


@pytest.mark.every(5)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", DATA)
def test_the_suggested_rate_learns_in_few_epochs(name, solver):
    make, load = DATA[name]
    X, y = load(return_X_y=True)
    estimator = make((50,), solver=solver, max_iter=20, random_state=0)
    curve = suggest_learning_rate(estimator, X, y)
    losses = {}
    for factor in (0.001, 1, 100):
        rate = factor * curve.suggestion
        try:
            losses[factor] = (
                estimator.set_params(learning_rate_init=rate).fit(X, y).loss_
            )
        except ValueError:  # it diverges
            losses[factor] = np.inf
    assert losses[1] < 0.9 * losses[0.001]
    assert losses[1] < losses[100]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_curve_is_that_of_rising_rates(dtype):
    X, y = load_diabetes(return_X_y=True)
    estimator = BackpropRegressor(
        (20,), dropout=0.1, weight_decay=0.1, dtype=dtype, random_state=0
    )
    before = joblib.hash(estimator.__getstate__())
    curve = suggest_learning_rate(estimator, X, y, lowest=1e-5, highest=100.0)
    assert joblib.hash(estimator.__getstate__()) == before
    assert len(curve.rates) == len(curve.losses) == len(curve.smoothed_losses) <= 200
    np.testing.assert_allclose(curve.rates[0], 1e-5)
    np.testing.assert_allclose(np.diff(np.log(curve.rates)), np.log(1e7) / 199)
    assert curve.suggestion == curve.rates[np.argmin(curve.smoothed_losses)] / 10
    assert curve.smoothed_losses[0] == curve.losses[0]
    again = suggest_learning_rate(estimator, X, y, lowest=1e-5, highest=100.0)
    np.testing.assert_array_equal(again.losses, curve.losses)


def test_small_products_take_one_thread_as_in_a_fit():
    seen = []

    class WatchedSquaredError(SquaredError):
        def value_and_slope(self, *arguments):
            seen.extend(library["num_threads"] for library in threadpool_info())
            return super().value_and_slope(*arguments)

    estimator = BackpropRegressor((20,), loss=WatchedSquaredError(), random_state=0)
    with threadpool_limits(2, user_api="blas"):
        suggest_learning_rate(estimator, *load_diabetes(return_X_y=True))
    assert set(seen) == {1}


def test_it_is_drawn():
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = load_breast_cancer(return_X_y=True)
    curve = suggest_learning_rate(BackpropClassifier((5,), random_state=0), X, y)
    ax = curve.plot().ax_
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "learning rate"
    _, own = plt.subplots()
    assert curve.plot(own).ax_ is own
    assert curve.figure_ is own.figure
    plt.close("all")


@pytest.mark.parametrize(
    ("params", "options", "words"),
    [
        ({"solver": "lbfgs"}, {}, "solver='lbfgs'"),
        ({}, {"lowest": 0.0}, "lowest"),
        ({}, {"lowest": 1.0, "highest": 0.1}, "highest"),
        ({}, {"n_steps": 3}, "n_steps"),
        ({}, {"lowest": 1e4, "highest": 1e5}, "No learning rate"),
    ],
)
def test_what_makes_no_sense_is_refused(params, options, words):
    X, y = load_diabetes(return_X_y=True)
    estimator = BackpropRegressor((5,), random_state=0, **params)
    with pytest.raises(ValueError, match=words):
        suggest_learning_rate(estimator, X, y, **options)
