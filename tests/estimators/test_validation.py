"""What is scored after each epoch: data of the user's own, or a part set aside."""

import pickle
import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

import skann.estimators.validation as validation_module
from skann import BackpropClassifier, BackpropRegressor
from skann.training.schedules import Adaptive

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_random_state = np.random.RandomState(0)
X = _random_state.randn(120, 4)
SIGNAL, NOISE = X[:, 0] - X[:, 1] ** 2, _random_state.randn(120)
NUMBERS = SIGNAL + 2 * NOISE  # so much that a network soon learns it by heart
LABELS = np.digitize(SIGNAL + 0.5 * NOISE, [-1.0, 0.5])
LEARN, SCORE = np.arange(80), np.arange(80, 120)

KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
TARGETS = {"classifier": LABELS, "regressor": NUMBERS}
BOTH = pytest.mark.parametrize("kind", KINDS)
EACH_SOLVER = pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
STOCHASTIC = pytest.mark.parametrize("solver", ["sgd", "adam"])
# So large a rate that the best epoch is not the last.
RATES = {"sgd": 0.2, "adam": 0.1, "lbfgs": 0.001}


def make(kind, solver="adam", **params):
    defaults = {
        "hidden_layer_sizes": (20,),
        "solver": solver,
        "learning_rate_init": RATES[solver],
        "max_iter": 25,
        "n_iter_no_change": np.inf,
        "alpha": 0.0,
        "random_state": 0,
    }
    return KINDS[kind](**{**defaults, **params})


def learning(kind):
    return X[LEARN], TARGETS[kind][LEARN]


def validation(kind):
    return {"X_val": X[SCORE], "y_val": TARGETS[kind][SCORE]}


def pieces(estimator, kind, n, **options):
    """Call partial_fit n times."""
    classes = {"classes": [0, 1, 2]} if kind == "classifier" else {}
    for _ in range(n):
        estimator.partial_fit(*learning(kind), **classes, **options)
    return estimator


@BOTH
@EACH_SOLVER
def test_the_scores_are_those_of_the_model_after_each_epoch(kind, solver):
    estimator = make(kind, solver).fit(*learning(kind), **validation(kind))
    metric = accuracy_score if kind == "classifier" else r2_score
    for epoch in (1, 2, 7):
        short = make(kind, solver, max_iter=epoch).fit(*learning(kind))
        expected = metric(TARGETS[kind][SCORE], short.predict(X[SCORE]))
        assert estimator.validation_scores_[epoch - 1] == pytest.approx(expected)
    assert estimator.history_["validation_score"] == estimator.validation_scores_


@BOTH
@EACH_SOLVER
def test_without_early_stopping_scores_are_recorded_and_change_nothing(kind, solver):
    watched = make(kind, solver).fit(*learning(kind), **validation(kind))
    plain = make(kind, solver).fit(*learning(kind))
    assert_array_equal(watched.predict(X), plain.predict(X))
    assert watched.loss_curve_ == plain.loss_curve_
    assert watched.best_loss_ == plain.best_loss_
    assert watched.best_validation_score_ == max(watched.validation_scores_)


@BOTH
@EACH_SOLVER
def test_early_stopping_keeps_the_weights_that_score_best(kind, solver):
    estimator = make(kind, solver, early_stopping=True, max_iter=60)
    estimator.fit(*learning(kind), **validation(kind))
    best = estimator.best_validation_score_
    assert best == max(estimator.validation_scores_)
    assert estimator.validation_scores_[-1] < best
    assert estimator.score(X[SCORE], TARGETS[kind][SCORE]) == pytest.approx(best)


@BOTH
@EACH_SOLVER
@pytest.mark.parametrize("own", [False, True], ids=["set aside", "own data"])
def test_early_stopping_stops_once_the_score_no_longer_improves(kind, solver, own):
    estimator = make(
        kind, solver, early_stopping=True, n_iter_no_change=5, max_iter=1000, tol=0.0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(*learning(kind), **(validation(kind) if own else {}))
    scores = estimator.validation_scores_
    assert len(scores) == estimator.n_iter_ < 1000
    if estimator.n_iter_ > int(np.argmax(scores)) + 1:  # and not of a zero gradient
        assert max(scores[-6:]) <= max(scores[:-5])


@BOTH
@EACH_SOLVER
@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 120)], ids=["", "weight"])
def test_without_shuffling_the_last_rows_are_set_aside(kind, solver, weight):
    params = {"early_stopping": True, "shuffle": False, "scaling": "standard"}
    params["random_state"] = np.random.RandomState(3)
    aside, own = make(kind, solver, **params), make(kind, solver, **deepcopy(params))
    aside.set_params(validation_fraction=1 / 3).fit(X, TARGETS[kind], weight)
    weights = {}
    if weight is not None:
        weights = {"sample_weight": weight[LEARN], "sample_weight_val": weight[SCORE]}
    own.fit(*learning(kind), **validation(kind), **weights)
    assert own.validation_scores_ == aside.validation_scores_
    assert own.loss_curve_ == aside.loss_curve_
    assert_array_equal(own.predict(X), aside.predict(X))
    # Nothing was drawn for the split.
    assert own.random_state.randint(1 << 30) == aside.random_state.randint(1 << 30)


@BOTH
@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.999])
def test_rows_in_order_must_suffice_for_two_parts(kind, fraction):
    estimator = make(kind, early_stopping=True, shuffle=False)
    with pytest.raises(ValueError, match=f"{fraction}.* 120"):
        estimator.set_params(validation_fraction=fraction).fit(X, TARGETS[kind])


@BOTH
def test_weights_of_the_validation_data_count_in_the_score(kind):
    weight = np.arange(40.0)
    estimator = make(kind, max_iter=3)
    estimator.fit(*learning(kind), **validation(kind), sample_weight_val=weight)
    expected = estimator.score(X[SCORE], TARGETS[kind][SCORE], weight)
    assert estimator.validation_scores_[-1] == pytest.approx(expected)
    assert expected != estimator.score(X[SCORE], TARGETS[kind][SCORE])


@BOTH
@pytest.mark.parametrize(
    "convert", [pd.DataFrame, sparse.csr_array, sparse.csc_matrix, np.asfortranarray]
)
def test_validation_data_come_in_any_container(kind, convert):
    expected = make(kind).fit(*learning(kind), **validation(kind))
    options = {**validation(kind), "X_val": convert(X[SCORE])}
    learn = learning(kind)
    if convert is pd.DataFrame:  # with the names that fit has seen
        options["X_val"].columns = list("abcd")
        learn = pd.DataFrame(learn[0], columns=list("abcd")), learn[1]
    estimator = make(kind).fit(*learn, **options)
    np.testing.assert_allclose(
        estimator.validation_scores_, expected.validation_scores_, rtol=1e-9
    )


@BOTH
def test_a_pipeline_transforms_the_validation_data(kind):
    with config_context(enable_metadata_routing=True):
        estimator = make(kind).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("squares", PolynomialFeatures(include_bias=False)), ("net", estimator)],
            transform_input=["X_val"],
        )
        pipeline.fit(*learning(kind), **validation(kind))
    scores = pipeline[-1].validation_scores_
    assert scores[-1] == pytest.approx(pipeline.score(X[SCORE], TARGETS[kind][SCORE]))


# ------------------------------------------------------------------------ partial_fit


@BOTH
@STOCHASTIC
@pytest.mark.parametrize("pickled", [False, True])
def test_pieces_with_early_stopping_are_one_fit_with_early_stopping(
    kind, solver, pickled
):
    at_once = make(kind, solver, early_stopping=True)
    at_once.fit(*learning(kind), **validation(kind))
    assert np.argmax(at_once.validation_scores_) < 24
    estimator = pieces(
        make(kind, solver, early_stopping=True), kind, 15, **validation(kind)
    )
    if pickled:
        estimator = pickle.loads(pickle.dumps(estimator))
    pieces(estimator, kind, 10, **validation(kind))
    assert_array_equal(estimator.predict(X), at_once.predict(X))
    assert estimator.validation_scores_ == at_once.validation_scores_
    assert estimator.best_validation_score_ == at_once.best_validation_score_
    assert estimator.loss_curve_ == at_once.loss_curve_


@BOTH
def test_the_best_weights_follow_a_change_of_scaling(kind):
    # The second batch is of another size, and no better than the first.
    estimator = pieces(
        make(kind, early_stopping=True), kind, 10, **validation(kind)
    ).set_params(learning_rate_init=1e3)
    before = estimator.predict(X)
    best = estimator.best_validation_score_
    y = TARGETS[kind][LEARN]
    y = y[::-1] if kind == "classifier" else y[::-1] * 40 + 7
    estimator.partial_fit(X[LEARN] * 30 - 9, y, **validation(kind))
    assert estimator.validation_scores_[-1] < best == estimator.best_validation_score_
    np.testing.assert_allclose(estimator.predict(X), before, rtol=1e-7)


@BOTH
def test_training_goes_on_from_the_last_weights_when_early_stopping_ends(kind):
    with_it = pieces(make(kind, early_stopping=True), kind, 20, **validation(kind))
    assert np.argmax(with_it.validation_scores_) < 19
    pieces(with_it.set_params(early_stopping=False), kind, 5)
    without = pieces(make(kind), kind, 25)
    assert_array_equal(with_it.predict(X), without.predict(X))


@BOTH
def test_early_stopping_may_begin_in_the_middle_of_a_stream(kind):
    estimator = pieces(make(kind), kind, 3).set_params(early_stopping=True)
    pieces(estimator, kind, 20, **validation(kind))
    assert len(estimator.validation_scores_) == 20
    best = estimator.best_validation_score_
    assert best == max(estimator.validation_scores_)
    assert estimator.score(X[SCORE], TARGETS[kind][SCORE]) == pytest.approx(best)


# ------------------------------------------------------------------------- warm_start


@pytest.fixture
def parts_set_aside(monkeypatch):
    """Return a list of the rows to learn from and to score, a pair for each split."""
    parts = []
    original = validation_module.split_rows

    def spy(*args):
        parts.append(original(*args))
        return parts[-1]

    monkeypatch.setattr(validation_module, "split_rows", spy)
    return parts


@BOTH
@STOCHASTIC
@pytest.mark.parametrize("seed", [0, np.random.RandomState(0), None])
def test_warm_fits_set_the_same_part_aside(kind, solver, seed, parts_set_aside):
    parts = parts_set_aside
    estimator = make(kind, solver, early_stopping=True, warm_start=True, max_iter=2)
    estimator.set_params(random_state=seed)
    for _ in range(3):
        estimator.fit(X, TARGETS[kind])
    for training_rows, validation_rows in parts[1:]:
        assert_array_equal(training_rows, parts[0][0])
        assert_array_equal(validation_rows, parts[0][1])


@BOTH
@EACH_SOLVER
@pytest.mark.parametrize("shuffle", [False, True], ids=["in-order", "shuffled"])
def test_what_was_set_aside_is_never_learned(kind, solver, shuffle, parts_set_aside):
    params = {"early_stopping": True, "warm_start": True, "max_iter": 2}
    estimator = make(kind, solver, shuffle=shuffle, **params)
    estimator.fit(X, TARGETS[kind])
    restored = pickle.loads(pickle.dumps(estimator))
    restored.set_params(shuffle=not shuffle).fit(X, TARGETS[kind])
    (training, scored), again = parts_set_aside
    assert_array_equal(training, again[0])
    assert_array_equal(scored, again[1])
    assert (scored == np.arange(108, 120)).all() == (not shuffle)


@BOTH
def test_the_best_of_all_warm_fits_is_kept_where_they_share_a_search(kind):
    # A plateau lowers the adaptive rate, so that the search for one goes on.
    params = {"early_stopping": True, "warm_start": True, "learning_rate": Adaptive()}
    estimator = make(kind, **params, max_iter=10).fit(X, TARGETS[kind])
    first, best = estimator.predict(X), estimator.best_validation_score_
    estimator.set_params(learning_rate_init=1e3).fit(X, TARGETS[kind])
    assert max(estimator.validation_scores_[10:]) <= best
    assert estimator.best_validation_score_ == best
    assert_array_equal(estimator.predict(X), first)
