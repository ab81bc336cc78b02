"""The fit depends on no unit of measurement, and sees training data only."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import FEW, IGNORE, NORMAL, RAW, TARGET, WEIGHT, N, S, X, forward_raw
from scipy import sparse
from set_aside import set_rows_aside
from sklearn.preprocessing import (
    StandardScaler,
)

from skann import BackpropClassifier, BackpropRegressor
from skann.data.scaling import (
    SCALINGS,
)

pytestmark = pytest.mark.filterwarnings(IGNORE)


# ------------------------------------------------------------ the fit knows no units

SOLVERS = ("sgd", "adam", "lbfgs")


def fit_predict(data, target, **params):
    params = {**FEW, "batch_size": 10, **params}
    if params["solver"] == "lbfgs":
        del params["batch_size"]
    return BackpropRegressor(**params).fit(data, target).predict(data)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [2.0**-400, 0.125, 2.0**20, 2.0**400])
def test_a_power_of_two_as_unit_of_the_target_changes_no_bit(factor, solver, scaling):
    params = {"solver": solver, "scaling": scaling}
    expected = fit_predict(X, TARGET, **params)
    actual = fit_predict(X, factor * TARGET, **params)
    assert_array_equal(actual, factor * expected)


@pytest.mark.every(7)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [-1e6, 0.0, 1.0, 1e6])
def test_the_fit_of_a_transformed_target_is_the_transformed_fit(
    factor, offset, solver, scaling
):
    params = {"solver": solver, "scaling": scaling, "activation": "tanh"}
    target = NORMAL + X[:, 1]
    shift = offset * factor * target.std()
    expected = fit_predict(X, target, **params)
    actual = fit_predict(X, factor * target + shift, **params)
    # What rounding leaves of a target that lies a million spreads away.
    tolerance = 1e-11 if offset == 0 else 1e-7
    assert_allclose((actual - shift) / factor, expected, rtol=0, atol=tolerance)


# How far two fits in float32 may be apart that differ in the rounding of the scaled
# data: L-BFGS amplifies it.
FLOAT32_TOLERANCE = {"sgd": 1e-5, "adam": 1e-5, "lbfgs": 1e-4}


def assert_same_network(actual, expected, tolerance):
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(
            getattr(actual, name), getattr(expected, name), strict=True
        ):
            assert_allclose(mine, other, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.every(7)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [-1e6, -1e3, 0.0, 1.0, 1e6])
def test_the_float32_fit_of_a_transformed_target_is_the_transformed_fit(
    factor, offset, solver, scaling
):
    params = {**FEW, "solver": solver, "scaling": scaling, "activation": "tanh"}
    data = X.astype(np.float32)
    target = NORMAL + X[:, 1]
    shift = offset * factor * target.std()
    given = (factor * target + shift).astype(np.float32)
    # A million spreads away float32 keeps a tenth of a spread: what can be learned is
    # the target as it was rounded, here without its unit and its offset.
    rounded = (given.astype(np.float64) - shift) / factor
    actual = BackpropRegressor(**params).fit(data, given)
    expected = BackpropRegressor(**params).fit(data, rounded)
    assert_same_network(actual, expected, FLOAT32_TOLERANCE[solver])
    predictions = actual.predict(data)
    assert predictions.dtype == np.float32
    # They are rounded as the targets are.
    rounding = np.finfo(np.float32).eps * np.abs(given).max() / factor
    assert_allclose(
        (predictions.astype(np.float64) - shift) / factor,
        expected.predict(data),
        rtol=0,
        atol=rounding + 4 * FLOAT32_TOLERANCE[solver],
    )


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
def test_the_poisson_fit_of_scaled_counts_is_the_scaled_fit(factor):
    counts = np.random.RandomState(0).poisson(3 + 2 * (X[:, 0] > 0)).astype(float)
    params = {"loss": "poisson", "solver": "adam", "activation": "tanh"}
    expected = fit_predict(X, counts, **params)
    assert_allclose(fit_predict(X, factor * counts, **params), factor * expected, 1e-10)


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("factor", "offset"),
    [(1, 0), (1e-3, 0), (1e3, 0), (1e6, 0), (1e-6, 0), (1, 1e4), (1e-6, 1)],
)
def test_defaults_learn_a_target_in_any_unit(factor, offset):
    random_state = np.random.RandomState(0)
    data = random_state.randn(500, 5)
    target = factor * (data[:, 0] + 0.5 * data[:, 1]) + offset
    regressor = BackpropRegressor(random_state=0, max_iter=60).fit(data, target)
    assert regressor.score(data, target) > 0.95


UNITS = np.array([1e-6, 1e6, 37.0])


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_fit_does_not_depend_on_the_units_of_the_columns(solver, scaling):
    params = {"solver": solver, "scaling": scaling, "activation": "tanh"}
    expected = fit_predict(X, TARGET, **params)
    powers = 2.0 ** np.array([-300, 5, 300])
    assert_array_equal(fit_predict(X * powers, TARGET, **params), expected)
    actual = fit_predict(X * UNITS + 1000 * UNITS, TARGET, **params)
    assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_classifier_does_not_depend_on_the_units_of_the_columns(scaling):
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    expected = BackpropClassifier(**FEW, scaling=scaling).fit(X, y).predict_proba(X)
    other = X * UNITS - 500 * UNITS
    actual = BackpropClassifier(**FEW, scaling=scaling).fit(other, y)
    assert_allclose(actual.predict_proba(other), expected, rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_fit_of_sparse_columns_does_not_depend_on_their_units(scaling):
    params = {"solver": "adam", "scaling": scaling}
    expected = fit_predict(S, TARGET, **params)
    units = np.array([1e-6, 1e6, 37.0, 0.3])
    actual = fit_predict(sparse.csr_array(S * units), TARGET, **params)
    assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
def test_the_float32_fit_does_not_depend_on_the_units_of_the_columns(
    estimator_class, solver, scaling
):
    params = {**FEW, "solver": solver, "scaling": scaling, "activation": "tanh"}
    is_classifier = estimator_class is BackpropClassifier
    y = np.digitize(X[:, 0], [-0.5, 0.5]) if is_classifier else TARGET

    def fit(data, dtype):
        return estimator_class(**params, dtype="float32").fit(data.astype(dtype), y)

    data = X.astype(np.float32)
    powers = (2.0 ** np.array([-60, 5, 60])).astype(np.float32)
    assert_same_network(fit(data * powers, np.float32), fit(data, np.float32), 0)
    for offset in (0.0, 1e3, 1e6):
        given = ((X + offset) * UNITS).astype(np.float32)
        rounded = given.astype(np.float64) / UNITS - offset
        actual, expected = fit(given, np.float32), fit(rounded, np.float64)
        assert_same_network(actual, expected, FLOAT32_TOLERANCE[solver])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_float32_fit_of_sparse_columns_does_not_depend_on_their_units(scaling):
    params = {**FEW, "scaling": scaling}
    given = sparse.csr_array(S * np.array([1e-6, 1e6, 37.0, 0.3])).astype(np.float32)
    actual = BackpropRegressor(**params).fit(given, TARGET)
    expected = BackpropRegressor(**params).fit(S.astype(np.float32), TARGET)
    assert actual.predict(given).dtype == np.float32
    assert_same_network(actual, expected, FLOAT32_TOLERANCE["adam"])


ORDINARY = np.c_[NORMAL, np.full(N, 7.0), X[:, 1] - 1, NORMAL**2 - X[:, 1], NORMAL > 0]
MIXED_CONTAINERS = {
    "dense": np.asarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
}


@pytest.mark.every(5)
@pytest.mark.parametrize("container", MIXED_CONTAINERS)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
def test_columns_of_every_size_fit_together(
    estimator_class, solver, scaling, container
):
    contain = MIXED_CONTAINERS[container]
    params = {**FEW, "solver": solver, "scaling": scaling, "activation": "tanh"}
    is_classifier = estimator_class is BackpropClassifier
    y = np.digitize(X[:, 0], [-0.5, 0.5]) if is_classifier else TARGET

    def outputs(units):
        data = contain(ORDINARY * units)
        estimator = estimator_class(**params).fit(data, y)
        assert np.isfinite(estimator.loss_curve_).all()
        assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
        assert np.isfinite(estimator.predict(data)).all()
        if is_classifier:
            return estimator.predict_proba(data)
        return estimator.predict(data)

    expected = outputs(np.ones(5))
    powers = 2.0 ** np.array([0, 0, 996, -996, 0])
    assert_array_equal(outputs(powers), expected)
    actual = outputs(np.array([1, 1, 1e300, 1e-300, 1]))
    assert_allclose(actual, expected, rtol=1e-7)


def test_scaling_is_what_a_pipeline_with_a_scaler_does():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    for data in (RAW, S):
        mine = BackpropClassifier(**FEW).fit(data, y)
        dense = data.toarray() if data is S else data
        transformed = StandardScaler().fit_transform(dense)
        other = BackpropClassifier(**FEW, scaling=None).fit(transformed, y)
        assert_allclose(
            mine.predict_proba(data), other.predict_proba(transformed), rtol=1e-10
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", [*SCALINGS, None])
def test_sparse_predictions_of_a_network_fitted_to_dense_data_are_the_same(
    scaling, dtype
):
    dense = S.toarray().astype(dtype)
    if scaling is not None:
        # A constant and an offset that must cancel before they meet the weights.
        dense = np.c_[dense, np.full(N, 2.0**31), NORMAL + 2.0**17].astype(dtype)
    regressor = BackpropRegressor(**FEW, scaling=scaling).fit(dense, TARGET / 1000)
    actual = regressor.predict(sparse.csr_array(dense))
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    assert_allclose(actual, regressor.predict(dense), rtol=tolerance)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 1e-6, -7.25, 1e9])
def test_a_constant_target_is_predicted_as_it_is(value, scaling):
    target = np.c_[np.full(N, value), TARGET]
    regressor = BackpropRegressor(**FEW, scaling=scaling).fit(X, target)
    assert_array_equal(regressor.predict(X * 5)[:, 0], np.full(N, value))
    assert_array_equal(forward_raw(regressor, X * 5)[:, 0], np.full(N, value))
    regressor.partial_fit(X, target[:, ::-1])  # and is free to vary from then on
    assert np.ptp(regressor.predict(X), axis=0).min() > 0


# ------------------------------------------------------------------ what is not seen


@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("weight", [None, WEIGHT + 0.5], ids=["equal", "weighted"])
def test_statistics_do_not_see_the_validation_part(
    estimator_class, scaling, weight, monkeypatch
):
    training, validation = np.arange(30), np.arange(30, N)
    set_rows_aside(monkeypatch, training, validation)
    params = {"early_stopping": True, "n_iter_no_change": np.inf, "scaling": scaling}
    is_classifier = estimator_class is BackpropClassifier
    y = (X[:, 0] > 0).astype(int) if is_classifier else TARGET
    moved, moved_y = X.copy(), y.copy()
    moved[validation] = moved[validation] * 100 + 1e6
    if not is_classifier:
        moved_y[validation] -= 1e5
    curves = [
        estimator_class(**FEW, **params).fit(data, target, weight).loss_curve_
        for data, target in ((X, y), (moved, moved_y))
    ]
    assert curves[0] == curves[1]
    moved[training] *= [1, 10, 1]
    moved[0] += 1
    other = estimator_class(**FEW, **params).fit(moved, moved_y, weight).loss_curve_
    assert other != curves[0]


@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_samples_of_weight_zero_do_not_count(estimator_class, scaling, solver):
    absent = np.array([3, 17, 30])
    weight = np.ones(N)
    weight[absent] = 0
    is_classifier = estimator_class is BackpropClassifier
    y = (X[:, 0] > 0).astype(int) if is_classifier else TARGET
    far, far_y = X.copy(), y.copy()
    far[absent] = 1e12
    if not is_classifier:
        far_y[absent] = -1e12
    params = {**FEW, "scaling": scaling, "solver": solver, "shuffle": False}
    mine = estimator_class(**params).fit(far, far_y, weight)
    rest = np.delete(np.arange(N), absent)
    other = estimator_class(**params).fit(X[rest], y[rest])
    # Outside the data a relu network is linear; what counts is what it learned.
    for a, b in zip(mine.coefs_, other.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-7, atol=1e-9)
