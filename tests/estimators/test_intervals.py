"""Intervals of a regressor: the formula, what they hold, and when there are none."""

import copy
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

import skann.estimators.intervals as intervals_module
from skann import BackpropRegressor
from skann.estimators.intervals import interval_limits, rank_of_limits

# Small, and as a fit by default in what matters here.
MEMBERS = {
    "hidden_layer_sizes": (8,),
    "n_members": 4,
    "learning_rate": "cycles",
    "learning_rate_init": 0.03,
    "batch_size": 20,
    "max_iter": 15,
    "random_state": 0,
}
RANDOM = np.random.RandomState(0)
N_SAMPLES = 120
X = RANDOM.randn(N_SAMPLES, 3)
NEW = RANDOM.randn(30, 3)
Y = 50 + 10 * X[:, 0] + RANDOM.randn(N_SAMPLES)
POSITIVE = np.exp(X[:, 0] / 2) + 0.1
# From 0 to 1, both included.
SHARES = np.clip((X[:, 0] + 2) / 4, 0, 1)


def fit(y=Y, **params):
    return BackpropRegressor(**{**MEMBERS, **params}).fit(X, y)


@pytest.fixture(scope="module")
def fitted():
    return fit()


def brute_force(predictions, residuals, folds, level):
    """Return the limits for each row of predictions, as the paper has them.

    One output: predictions have shape (n_rows, n_members).
    """
    n, alpha = residuals.size, 1 - level
    limits = []
    for row in predictions:
        below = sorted(row[k] - r for k, r in zip(folds, residuals, strict=True))
        above = sorted(row[k] + r for k, r in zip(folds, residuals, strict=True))
        # The products are whole numbers in some of the cases.
        low = math.floor(round(alpha * (n + 1), 9))
        high = math.ceil(round((1 - alpha) * (n + 1), 9))
        limits.append(
            [
                below[low - 1] if low >= 1 else -np.inf,
                above[high - 1] if high <= n else np.inf,
            ]
        )
    return np.array(limits)


# ------------------------------------------------------------------------ the formula

LEVELS = [0.5, 0.55, 0.7, 0.9, 0.95, 0.999]


def made_up(n_samples, n_outputs=1, n_members=4, n_rows=11):
    """Return predictions, residuals and folds."""
    random_state = np.random.RandomState(n_samples)
    return (
        random_state.randn(n_members, n_rows, n_outputs),
        abs(random_state.randn(n_samples, n_outputs)),
        random_state.permutation(n_samples) % n_members,
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n_samples", [4, 9, 19, 99, 100, 999])
def test_limits_are_those_of_the_paper(n_samples, level):
    predictions, residuals, folds = made_up(n_samples)
    limits = interval_limits(predictions, residuals, folds, level)
    expected = brute_force(predictions[..., 0].T, residuals[:, 0], folds, level)
    assert_array_equal(limits[:, 0], expected)


def test_each_output_has_limits_of_its_own():
    predictions, residuals, folds = made_up(50, n_outputs=3)
    limits = interval_limits(predictions, residuals, folds, 0.8)
    for output in range(3):
        part = slice(output, output + 1)
        alone = interval_limits(predictions[..., part], residuals[:, part], folds, 0.8)
        assert_array_equal(limits[:, part], alone)


def test_limits_are_in_order_at_any_level():
    # Where members agree on their own rows and differ on others, half of the rows
    # rank below the lower limit.
    predictions = np.array([0.0, 100.0])[:, None, None]
    residuals, folds = np.full((10, 1), 0.5), np.arange(10) % 2
    limits = interval_limits(predictions, residuals, folds, 0.1)
    assert_array_equal(limits, [[[0.5, 99.5]]])


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9])
@pytest.mark.parametrize("most_numbers", [1, 50, 400])
def test_blocks_make_no_difference(monkeypatch, most_numbers, n_rows):
    predictions, residuals, folds = made_up(50, n_outputs=2, n_rows=n_rows)
    expected = interval_limits(predictions, residuals, folds, 0.9)
    monkeypatch.setattr(intervals_module, "MOST_NUMBERS", most_numbers)
    limits = interval_limits(predictions, residuals, folds, 0.9)
    assert_array_equal(limits, expected)


def test_memory_is_bounded(monkeypatch):
    predictions, residuals, folds = made_up(1000, n_rows=5000)
    monkeypatch.setattr(intervals_module, "MOST_NUMBERS", 1 << 14)
    tracemalloc.start()
    try:
        interval_limits(predictions, residuals, folds, 0.9)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * residuals.size * 5000 / 20


def test_a_level_is_the_number_that_was_written():
    # In floats 1 - 0.9 is below 0.1, and 0.55 * 100 above 55.
    assert rank_of_limits(9, 0.9) == 1
    assert rank_of_limits(99, 0.55) == 45
    assert rank_of_limits(99, np.float64(0.9)) == 10
    assert rank_of_limits(8, 0.9) == 0


# ------------------------------------------------------------------------ the estimator


def members_of(estimator):
    return [estimator.member(k) for k in range(MEMBERS["n_members"])]


def folds_and_errors(estimator, y):
    """Return the fold and the out-of-fold error of each row, from public names.

    The member whose prediction is the out-of-fold one has left the row out.
    """
    of_members = np.array([member.predict(X) for member in members_of(estimator)])
    distances = abs(of_members - estimator.oof_prediction_)
    if y.ndim == 2:
        distances = distances.sum(axis=2)
    return distances.argmin(axis=0), abs(y - estimator.oof_prediction_)


CASES = {
    "squared error": (Y, {}),
    "not scaled": (Y / 10 - 5, {"scaling": None}),
    "absolute error": (Y, {"loss": "absolute_error"}),
    "huber": (Y, {"loss": "huber"}),
    "one quantile": (Y, {"loss": "quantile", "quantile": 0.8}),
    "tanh": (2 * SHARES - 1, {"output_activation": "tanh"}),
    "relu": (POSITIVE, {"output_activation": "relu"}),
    "poisson": (np.round(5 * POSITIVE), {"loss": "poisson"}),
    "gamma": (POSITIVE, {"loss": "gamma"}),
    "logistic": (SHARES, {"output_activation": "logistic"}),
    "float32": (Y, {"dtype": "float32"}),
    "in order": (Y, {"shuffle": False}),
}
BOUNDS = {
    "tanh": (-1, 1), "relu": (0, np.inf), "poisson": (0, np.inf), "gamma": (0, np.inf),
    "logistic": (0, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_intervals_are_those_of_the_members(case):
    y, params = CASES[case]
    estimator = fit(y, **params)
    folds, errors = folds_and_errors(estimator, y)
    assert np.bincount(folds).tolist() == [N_SAMPLES // 4] * 4
    predictions = np.array([member.predict(NEW) for member in members_of(estimator)]).T
    limits = estimator.predict_interval(NEW, 0.8)
    assert limits.shape == (30, 2)
    expected = np.clip(
        brute_force(predictions, errors, folds, 0.8),
        *BOUNDS.get(case, (-np.inf, np.inf)),
    )
    # Groups of members are computed side by side, members alone.
    assert_allclose(limits, expected, rtol=1e-4, atol=1e-4 * y.std())
    assert (limits[:, 0] <= limits[:, 1]).all()


@pytest.mark.parametrize("case", BOUNDS)
def test_intervals_stay_within_what_targets_can_be(case):
    y, params = CASES[case]
    low, high = BOUNDS[case]
    # Far from the data, and with too few of them for the level.
    limits = fit(y, **params).predict_interval(3 * NEW, 0.999)
    assert_array_equal(limits, np.tile([low, high], (30, 1)))


def test_intervals_of_several_targets():
    both = np.c_[Y, -X[:, 1]]
    estimator = fit(both)
    folds, errors = folds_and_errors(estimator, both)
    limits = estimator.predict_interval(NEW)
    assert limits.shape == (30, 2, 2)
    of_members = np.array([member.predict(NEW) for member in members_of(estimator)])
    for output in range(2):
        expected = brute_force(of_members[..., output].T, errors[:, output], folds, 0.9)
        assert_allclose(limits[:, output], expected, rtol=1e-4, atol=1e-3)


def test_sparse_rows_have_the_same_intervals(fitted):
    expected = fitted.predict_interval(NEW)
    assert_allclose(fitted.predict_interval(sparse.csr_array(NEW)), expected)
    assert_allclose(fitted.predict_interval(NEW[:1]), expected[:1], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_have_the_dtype_of_predictions(dtype):
    estimator = BackpropRegressor(**MEMBERS).fit(X.astype(dtype), Y)
    limits = estimator.predict_interval(NEW.astype(dtype))
    assert limits.dtype == estimator.predict(NEW.astype(dtype)).dtype == dtype


def test_weights_do_not_change_the_ranks():
    weight = np.where(np.arange(N_SAMPLES) < 60, 1.0, 3.0)
    estimator = BackpropRegressor(**MEMBERS).fit(X, Y, sample_weight=weight)
    folds, errors = folds_and_errors(estimator, Y)
    predictions = np.array([member.predict(NEW) for member in members_of(estimator)]).T
    expected = brute_force(predictions, errors, folds, 0.9)
    assert_allclose(estimator.predict_interval(NEW), expected, rtol=1e-4)


def test_a_constant_target_has_intervals_of_no_width():
    estimator = fit(np.full(N_SAMPLES, 7.0))
    assert_array_equal(estimator.predict_interval(NEW), np.full((30, 2), 7.0))


def test_more_confidence_takes_wider_intervals(fitted):
    widths = [
        np.diff(fitted.predict_interval(NEW, level), axis=1).mean()
        for level in (0.5, 0.8, 0.9, 0.95)
    ]
    assert (np.diff(widths) > 0).all()
    assert np.isinf(fitted.predict_interval(NEW, 0.999)).all()


@pytest.mark.parametrize("level", [0.6, 0.9])
def test_intervals_of_new_data_hold_about_their_share(level):
    random_state = np.random.RandomState(1)

    def draw(n_samples):
        inputs = random_state.uniform(-2, 2, (n_samples, 2))
        noise = random_state.standard_t(4, n_samples)
        return inputs, np.sin(2 * inputs[:, 0]) + inputs[:, 1] + noise

    # The network by default, on few rows: it errs less on those it has learned.
    inputs, targets = draw(200)
    regressor = BackpropRegressor(n_members=4, random_state=0).fit(inputs, targets)
    inputs, targets = draw(2000)
    low, high = regressor.predict_interval(inputs, level).T
    share = np.mean((low <= targets) & (targets <= high))
    print(f"{share:.3f} of new targets in the intervals of {level}")
    assert level - 0.1 < share < level + 0.09


# ----------------------------------------------------------------- when there are none


@pytest.mark.parametrize(
    "level", [0, 1, 0.0, 1.0, -0.1, 1.1, 90, np.nan, np.inf, None, "0.9", [0.9]]
)
def test_a_level_that_is_none_is_refused(fitted, level):
    with pytest.raises(ValueError, match="confidence_level must be a number between"):
        fitted.predict_interval(NEW, level)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (NEW[:, :2], "2 features"),
        (NEW[0], "1D array"),
        (NEW[:, :, None], "dim 3"),
        (NEW[:0], "0 sample"),
        (NEW * np.inf, "infinity"),
    ],
)
def test_inputs_of_another_shape_are_refused(fitted, bad, match):
    with pytest.raises(ValueError, match=match):
        fitted.predict_interval(bad)


def test_intervals_need_a_fit():
    with pytest.raises(NotFittedError):
        BackpropRegressor(**MEMBERS).predict_interval(NEW)


def refuses(estimator, match="n_members to 4 or more"):
    with pytest.raises(ValueError, match=match):
        estimator.predict_interval(NEW)
    for name in vars(estimator):
        assert not name.startswith("oof")


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 1},
        {"n_members": 3},
        {"learning_rate": "one_cycle"},
        {"early_stopping": True},
    ],
    ids=str,
)
def test_intervals_need_members_that_leave_out_folds(params):
    refuses(fit(**params))


def test_a_stream_has_no_intervals():
    refuses(BackpropRegressor(**MEMBERS).partial_fit(X, Y))


def test_several_quantiles_are_intervals_already():
    estimator = fit(loss="quantile", quantile=[0.05, 0.95])
    with pytest.raises(ValueError, match=r"quantiles \[0.05 0.95\]\. .*`predict`"):
        estimator.predict_interval(NEW)


@pytest.mark.parametrize("setter", ["coefs_", "intercepts_"])
def test_other_parameters_have_no_intervals_yet(fitted, setter):
    estimator = copy.deepcopy(fitted)
    setattr(estimator, setter, getattr(estimator, setter))
    refuses(estimator)
    assert np.isfinite(fitted.predict_interval(NEW)).all()


def test_a_member_has_no_intervals(fitted):
    refuses(fitted.member(0))


# ------------------------------------------------------------ what keeps and ends them


def test_intervals_survive_pickles_and_the_end_of_training(fitted):
    expected = fitted.predict_interval(NEW)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.predict_interval(NEW), expected)
    assert_array_equal(loaded.finalize().predict_interval(NEW), expected)
    assert_array_equal(copy.copy(loaded).predict_interval(NEW), expected)
    again = pickle.loads(pickle.dumps(loaded))
    assert_array_equal(again.predict_interval(NEW), expected)


def test_what_is_kept_is_plain(fitted):
    kept = fitted.__getstate__()["_out_of_fold"]
    assert type(kept) is dict
    assert {name: array.shape for name, array in kept.items()} == {
        "folds": (N_SAMPLES,),
        "residuals": (N_SAMPLES, 1),
    }


def test_a_step_further_ends_them(fitted):
    # The cycles have come to their end, where a step changes nothing.
    estimator = copy.deepcopy(fitted).set_params(learning_rate="constant")
    refuses(estimator.partial_fit(X, Y))
    # Each member has learned from all rows now, whatever it leaves out from here on.
    refuses(estimator.set_params(learning_rate="cycles", warm_start=True).fit(X, Y))
    refuses(pickle.loads(pickle.dumps(estimator)))
    estimator.set_params(warm_start=False).fit(X, Y)
    assert_array_equal(estimator.predict_interval(NEW), fitted.predict_interval(NEW))


def test_a_failed_step_leaves_them(fitted):
    estimator = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match="infinity"):
        estimator.partial_fit(X * np.inf, Y)
    assert_array_equal(estimator.predict_interval(NEW), fitted.predict_interval(NEW))


@pytest.mark.parametrize("seed", [0, None])
def test_a_warm_fit_to_the_same_rows_makes_new_ones(seed):
    estimator = fit(warm_start=True, random_state=seed)
    before = estimator.oof_prediction_
    folds, _ = folds_and_errors(estimator, Y)
    estimator.fit(X, Y)
    assert not np.array_equal(estimator.oof_prediction_, before)
    now, errors = folds_and_errors(estimator, Y)
    assert_array_equal(now, folds)
    predictions = np.array([member.predict(NEW) for member in members_of(estimator)]).T
    expected = brute_force(predictions, errors, folds, 0.9)
    assert_allclose(estimator.predict_interval(NEW), expected, rtol=1e-4)


def test_a_warm_fit_to_more_rows_ends_them():
    estimator = fit(warm_start=True)
    refuses(estimator.fit(np.r_[X, NEW], np.r_[Y, NEW[:, 0]]))


def test_a_warm_fit_that_has_forgotten_its_folds_ends_them():
    estimator = fit(warm_start=True).finalize()
    refuses(estimator.fit(X, Y))
