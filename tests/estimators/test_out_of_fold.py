"""Each member leaves out a fold of the rows, by which the fit knows its own error."""

import numpy as np
import pytest
from joblib import load
from numpy.testing import assert_allclose, assert_array_equal
from reference_data import WEIGHT, X, Y, both_weights
from scipy import sparse
from set_aside import set_rows_aside
from several import (
    CASES,
    assert_same,
    both,
    each_case,
    fitted,
    make,
    members_of,
    outputs,
    parameters,
    target_of,
)
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import KFold
from sklearn.utils.class_weight import compute_sample_weight

import skann.estimators.targets as targets_module
from skann import BackpropClassifier, BackpropRegressor, Cycles
from skann.callbacks import Checkpoint
from skann.estimators.folds import OutOfFold
from skann.estimators.recipes import (
    GAIN_OF_A_CYCLE,
    LEAST_EPOCHS_OF_MEMBERS,
    Choice,
    Table,
    auto_values,
    epochs_of_cycles,
    first_cycle,
    gain_of_a_cycle,
)
from skann.estimators.settings import resolve
from skann.training.call import Call

# Few epochs, and noise, are learned badly, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Four members that leave out a fold, in a single cycle.
FOLDS = {"n_members": 4, "learning_rate": "cycles", "max_iter": 4}
OOF = ("oof_score_", "oof_prediction_", "oof_decision_function_")


@pytest.fixture(autouse=True)
def as_the_members_say(monkeypatch):
    """Leave probabilities as they are: test_calibration.py has what is made of them."""
    monkeypatch.setattr(OutOfFold, "calibrate", lambda self, model, raw: model)


def out_of_fold(estimator):
    """Return the predictions of each row by the member that has left it out."""
    if is_classifier(estimator):
        return estimator.oof_decision_function_
    return estimator.oof_prediction_


def folds_of(estimator, X=X):
    """Return the number of the member that has predicted each row."""
    found = out_of_fold(estimator)
    members = np.stack([outputs(member, X) for member in members_of(estimator)])
    far = np.abs(members - found).reshape(*members.shape[:2], -1).max(axis=2)
    assert far.min(axis=0).max() < 1e-9  # each row is predicted by one of them
    return far.argmin(axis=0)


def shown(estimator):
    return [name for name in OOF if hasattr(estimator, name)]


def ends(estimator):
    """Return after which epochs the out-of-fold loss is known, and its values."""
    losses = enumerate(estimator.history_["oof_loss"], start=1)
    known = {epoch: loss for epoch, loss in losses if loss is not None}
    return list(known), list(known.values())


# ----------------------------------------------------------------------- what is shown


@both_weights
@each_case
def test_each_row_is_predicted_by_the_member_that_left_it_out(name, weight):
    estimator = fitted(name, weight, activation="tanh", **FOLDS)
    n_in_fold = np.bincount(folds_of(estimator), minlength=4)
    if name != "relu":  # of which several members may predict 0
        assert n_in_fold.max() - n_in_fold.min() <= 3  # as far as classes allow
    y, found = target_of(name), out_of_fold(estimator)
    assert found.shape == outputs(estimator).shape
    if not is_classifier(estimator):
        assert shown(estimator) == ["oof_score_", "oof_prediction_"]
        if CASES[name][1].get("loss") in (None, "huber"):  # the others have their own
            score = r2_score(y, found, sample_weight=weight)
            assert estimator.oof_score_ == pytest.approx(score)
        return
    assert shown(estimator) == ["oof_score_", "oof_decision_function_"]
    if name == "labels":
        predicted = found > 0.5
    else:
        predicted = estimator.classes_[found.argmax(axis=1)]
    if estimator.class_weight is not None:  # as in the validation score
        of_class = compute_sample_weight("balanced", y) if weight is None else weight
        if weight is not None:
            sums = {label: weight[y == label].sum() for label in np.unique(y)}
            of_class = weight / np.array([sums[label] for label in y])
        weight = of_class
    score = accuracy_score(y, predicted, sample_weight=weight)
    assert estimator.oof_score_ == pytest.approx(score)


@both_weights
@pytest.mark.parametrize("name", ["numbers", "binary", "classes", "smooth"])
def test_the_loss_that_is_recorded_is_that_of_these_predictions(name, weight):
    """Smooth labels are judged by the true ones; numbers in units of their spread."""
    estimator = fitted(name, weight, dtype="float64", **FOLDS)
    y, found = target_of(name), out_of_fold(estimator)
    epochs, losses = ends(estimator)
    assert epochs == [4]
    if name == "numbers":
        mean = np.average(y, weights=weight)
        variance = np.average((y - mean) ** 2, weights=weight)
        expected = np.average((y - found) ** 2, weights=weight) / (2 * variance)
    else:
        expected = log_loss(y, found, sample_weight=weight)
    assert losses[0] == pytest.approx(expected)


@both
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
def test_more_members_than_a_group_and_any_input(name, is_sparse):
    inputs = sparse.csr_array(X) if is_sparse else X
    estimator = make(name, **{**FOLDS, "n_members": 6}, n_frequencies=2)
    estimator.fit(inputs, target_of(name))
    assert_array_equal(np.bincount(folds_of(estimator, inputs)), [25] * 6)


def test_probabilities_of_many_classes_are_not_kept(monkeypatch):
    monkeypatch.setattr(targets_module, "MOST_PROBABILITIES", 100)
    for name in ("classes", "labels"):
        classifier = fitted(name, **FOLDS)
        assert classifier.oof_decision_function_ is None
        assert 0 < classifier.oof_score_ < 1


# ---------------------------------------------------------------------------- the folds


@both
def test_without_shuffling_a_fold_is_a_run_of_neighbours(name):
    folds = folds_of(fitted(name, shuffle=False, **FOLDS))
    expected = np.empty(len(X), int)
    for number, (_, left_out) in enumerate(KFold(4).split(X)):
        expected[left_out] = number
    assert_array_equal(folds, expected)


def test_folds_are_drawn_by_the_seed():
    first = folds_of(fitted("numbers", **FOLDS))
    assert_array_equal(folds_of(fitted("numbers", **FOLDS)), first)
    other = folds_of(fitted("numbers", random_state=1, **FOLDS))
    assert (other != first).any()
    assert (np.diff(first) != 0).any()


@pytest.mark.parametrize("name", ["binary", "classes", "strings"])
def test_folds_have_as_much_of_each_class(name):
    folds, y = folds_of(fitted(name, **FOLDS)), Y[name]
    for label in np.unique(y):
        counts = np.bincount(folds[y == label], minlength=4)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("n_rare", [1, 2, 3])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_class_of_fewer_rows_than_members(n_classes, n_rare):
    """Some members have no such row among those that they leave out; one has all."""
    y = np.arange(len(X)) % (n_classes - 1)
    y[:n_rare] = n_classes - 1
    classifier = make("classes", **FOLDS).fit(X, y)
    assert np.isfinite(classifier.oof_decision_function_).all()
    assert classifier.oof_decision_function_.shape == (len(X), n_classes)
    assert folds_of(classifier).max() == 3
    if n_rare > 1:
        assert len(np.unique(folds_of(classifier)[:n_rare])) == n_rare


def test_classes_that_are_all_rare_are_not_stratified():
    y = np.arange(12) // 2
    classifier = make("classes", **FOLDS, batch_size=4).fit(X[:12], y)
    assert_array_equal(np.bincount(folds_of(classifier, X[:12])), [3] * 4)


@pytest.mark.parametrize("n_rows", [2, 3, 4, 5])
def test_fewer_rows_than_members_are_learned_by_all(n_rows):
    regressor = make("numbers", **FOLDS, batch_size="auto")
    regressor.fit(X[:n_rows], Y["numbers"][:n_rows])
    assert shown(regressor) == ([] if n_rows < 4 else ["oof_score_", "oof_prediction_"])
    assert np.isfinite(regressor.predict(X)).all()


# ---------------------------------------------------------------------- what is learned


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("name", ["numbers", "poisson", "classes", "binary", "labels"])
def test_a_row_says_nothing_to_the_member_that_leaves_it_out(name, number):
    """Other rows of its fold take its target; all other members see that."""
    params = {**FOLDS, "shuffle": False, "scaling": None, "activation": "tanh"}
    y = target_of(name)
    folds = folds_of(fitted(name, **params))
    changed = y.copy()
    changed[folds == number] = np.roll(y[folds == number], 7, axis=0)
    first, second = (make(name, **params).fit(X, target) for target in (y, changed))
    for member in range(4):
        is_same = np.array_equal(
            parameters(first.member(member)), parameters(second.member(member))
        )
        assert is_same == (member == number)


@pytest.mark.parametrize("name", ["numbers", "two targets", "strings", "labels"])
@both_weights
def test_a_member_learns_as_alone_from_the_rows_that_are_left(name, weight):
    # A penalty would count for as many rows as there are.
    params = {"shuffle": False, "scaling": None, "batch_size": len(X), "alpha": 0.0}
    # The weights of classes would be those of the rows that are left.
    if name == "strings":
        params["class_weight"] = None
    together = {**FOLDS, **params}
    start = fitted(name, **{**together, "learning_rate_init": 1e-30})
    init = {"coef_init": start.coefs_, "intercept_init": start.intercepts_}
    estimator = make(name, **together).fit(X, target_of(name), weight, **init)
    for number, (_, left_out) in enumerate(KFold(4).split(X)):
        left = np.ones(len(X)) if weight is None else weight.copy()
        left[left_out] = 0
        own = {key: [array[number] for array in init[key]] for key in init}
        alone = make(name, **{**together, "n_members": 1})
        alone.fit(X, target_of(name), left, **own)
        member = estimator.member(number)
        assert_allclose(parameters(member), parameters(alone), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", [None, "standard"])
def test_a_fold_may_have_all_the_weight(scaling, dtype):
    """The member that leaves it out has nothing to learn from."""
    weight = np.zeros(len(X))
    weight[:3] = [0.5, 1.0, 20.0]
    params = {
        **FOLDS, "scaling": scaling, "dtype": dtype, "shuffle": False, "alpha": 0.0,
    }  # fmt: skip
    regressor = fitted("numbers", weight, **params)
    assert np.isfinite(regressor.predict(X)).all()
    start = fitted("numbers", weight, **params, learning_rate_init=1e-30)
    for number in range(4):
        is_same = np.array_equal(
            parameters(regressor.member(number)), parameters(start.member(number))
        )
        assert is_same == (number == 0)


# -------------------------------------------------------------------- when it is enough

NOISE = np.random.RandomState(0).randn(100, 4)
LUCK = np.random.RandomState(10).randn(100)
IN_TWO = {
    "hidden_layer_sizes": (64, 64), "n_members": 4, "learning_rate": "cycles",
    "learning_rate_init": 0.02, "max_iter": 56, "n_frequencies": 3, "random_state": 11,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["numbers", "classes"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_cycle_that_does_not_help_is_taken_back(kind, n_jobs):
    """Of noise, more cycles learn more by heart: the first is kept."""
    cls = BackpropRegressor if kind == "numbers" else BackpropClassifier
    y = LUCK if kind == "numbers" else np.digitize(LUCK, [-0.5, 0.5])
    estimator = cls(**IN_TWO, n_jobs=n_jobs).fit(NOISE, y)
    first, second, _ = Cycles(56).ends
    epochs, losses = ends(estimator)
    assert epochs == [first, second]
    assert estimator.n_iter_ == second
    assert losses[1] > losses[0]
    own = {**IN_TWO, "learning_rate": Cycles(56), "max_iter": first}
    short = cls(**own).fit(NOISE, y)
    assert_array_equal(parameters(short), parameters(estimator))
    assert_array_equal(out_of_fold(short), out_of_fold(estimator))
    assert estimator.oof_score_ < estimator.score(NOISE, y)


def test_cycles_that_help_go_on():
    inputs, y = make_friedman1(300, random_state=0)
    regressor = BackpropRegressor((32, 32), n_members=4, random_state=0).fit(inputs, y)
    epochs, losses = ends(regressor)
    every_end = Cycles(epochs_of_cycles(len(y), "auto")).ends
    assert epochs == every_end[: len(epochs)]
    gains = 1 - np.divide(losses[1:], losses[:-1])
    assert (gains[:-1] >= GAIN_OF_A_CYCLE).all()
    assert regressor.n_iter_ == every_end[-1] or gains[-1] < GAIN_OF_A_CYCLE
    assert regressor.n_iter_ >= every_end[2]
    assert regressor.oof_score_ > 0.8
    test, expected = make_friedman1(1000, random_state=1)
    assert regressor.score(test, expected) > regressor.oof_score_ - 0.05


@pytest.mark.parametrize("cls", [BackpropRegressor, BackpropClassifier])
def test_max_iter_is_a_cap(cls):
    inputs, y = make_friedman1(120, random_state=0)
    if cls is BackpropClassifier:
        y = np.digitize(y, [10, 18])
    usual = epochs_of_cycles(len(y), "auto")
    default = cls(random_state=0).fit(inputs, y)
    for max_iter in (LEAST_EPOCHS_OF_MEMBERS, 40, usual, 1000):
        estimator = cls(max_iter=max_iter, random_state=0).fit(inputs, y)
        planned = Cycles(min(max_iter, usual)).ends
        epochs, losses = ends(estimator)
        assert epochs == planned[: len(epochs)]
        assert estimator.n_iter_ == epochs[-1]
        if len(epochs) < len(planned):
            assert losses[-1] > (1 - GAIN_OF_A_CYCLE) * min(losses[:-1])
        if max_iter >= usual:
            assert estimator.loss_curve_ == default.loss_curve_
    few = cls(max_iter=LEAST_EPOCHS_OF_MEMBERS - 1, random_state=0).fit(inputs, y)
    assert few.auto_params_["n_members"] == 1
    assert few.n_iter_ == LEAST_EPOCHS_OF_MEMBERS - 1
    assert shown(few) == []
    assert few.history_["oof_loss"] == [None] * few.n_iter_


@pytest.mark.parametrize(
    ("n_samples", "first", "epochs"),
    [
        (100, 8, 248), (1400, 8, 248), (1401, 8, 120), (16_000, 8, 120),
        (40_000, 4, 124), (100_000, 2, 126), (260_000, 1, 127), (10**7, 1, 127),
    ],
)  # fmt: skip
def test_cycles_are_shorter_where_rows_are_many(n_samples, first, epochs):
    assert first_cycle(n_samples) == first
    assert epochs_of_cycles(n_samples, "auto") == epochs
    assert Cycles(epochs, first=first).ends[0] == first


@pytest.mark.parametrize(
    ("schedule", "max_iter", "expected"),
    [
        (Cycles(24), 24, [8, 24]),
        (Cycles(24), 30, [8, 24, 30]),
        (Cycles(24), 10, [8, 10]),
        (Cycles(100), 7, [7]),
    ],
    ids=str,
)
def test_a_schedule_of_ones_own_is_judged_when_its_cycles_end(
    schedule, max_iter, expected
):
    inputs, y = make_friedman1(200, random_state=0)
    regressor = BackpropRegressor(
        (32,), n_members=4, learning_rate=schedule, max_iter=max_iter, random_state=0
    ).fit(inputs, y)
    epochs, _ = ends(regressor)
    assert epochs == expected
    assert regressor.oof_prediction_.shape == y.shape


def test_the_last_cycle_is_not_cut_off_by_a_plateau_of_the_loss():
    params = {"tol": 10.0, "n_iter_no_change": 1, "max_iter": 24}
    regressor = fitted("numbers", **{**FOLDS, **params})
    assert regressor.n_iter_ in Cycles(24).ends


@pytest.mark.parametrize("cls", [BackpropRegressor, BackpropClassifier])
def test_a_hundred_rows_are_enough_for_the_recipe(cls):
    inputs, y = make_friedman1(100, random_state=0)
    if cls is BackpropClassifier:
        y = (y > 14).astype(int)
    estimator = cls(random_state=0).fit(inputs, y)
    assert estimator.recipe_ == "table"
    n_members = estimator.auto_params_["n_members"]
    assert len(estimator.coefs_[0]) == n_members
    assert len(out_of_fold(estimator)) == 100
    assert 0.4 < estimator.oof_score_ < estimator.score(inputs, y)


def test_what_happens_is_said(capsys):
    BackpropRegressor(**IN_TWO, verbose=True).fit(NOISE, LUCK)
    printed = capsys.readouterr().out
    assert printed.count(" out-of-fold  ") == 1
    # A row at the end of a cycle has that number as well.
    assert sum(len(line.split()) == 8 for line in printed.splitlines()) == 1
    assert "did not reduce the out-of-fold loss by 4%" in printed


# ----------------------------------------------------------------- no stale predictions

LATER = {
    "no cycles": lambda one, x, y: one.set_params(learning_rate="constant").fit(x, y),
    "one network": lambda one, x, y: one.set_params(n_members=1).fit(x, y),
    "three networks": lambda one, x, y: one.set_params(n_members=3).fit(x, y),
    "stopped early": lambda one, x, y: one.set_params(early_stopping=True).fit(x, y),
    "a piece": lambda one, x, y: one.set_params(learning_rate="auto").partial_fit(x, y),
    "warm, no cycles": lambda one, x, y: one.set_params(
        learning_rate="constant", warm_start=True
    ).fit(x, y),
    "weights": lambda one, x, y: setattr(one, "coefs_", one.coefs_),
    "biases": lambda one, x, y: setattr(one, "intercepts_", one.intercepts_),
}


@pytest.mark.parametrize("later", LATER)
@both
def test_a_later_model_has_no_predictions_of_an_earlier_one(name, later):
    estimator = fitted(name, **FOLDS)
    assert len(shown(estimator)) == 2
    LATER[later](estimator, X, target_of(name))
    assert shown(estimator) == []


@both
def test_a_later_fit_has_its_own_predictions(name):
    estimator = fitted(name, **FOLDS)
    estimator.fit(X[:80], target_of(name)[:80])
    assert len(out_of_fold(estimator)) == 80
    again = make(name, **FOLDS).fit(X[:80], target_of(name)[:80])
    assert_array_equal(out_of_fold(estimator), out_of_fold(again))
    assert not shown(clone(estimator))


@both
def test_a_fit_that_fails_leaves_them(name):
    estimator = fitted(name, **FOLDS)
    before = out_of_fold(estimator)
    with pytest.raises(ValueError, match="infinity"):
        estimator.fit(np.full_like(X, np.inf), target_of(name))
    assert_array_equal(out_of_fold(estimator), before)
    assert_array_equal(out_of_fold(estimator.finalize()), before)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("random_state", [0, None])
@both
def test_a_warm_fit_leaves_out_the_same_rows(name, random_state, shuffle):
    """Else a member would be judged by rows that it has learned from."""
    params = {**FOLDS, "random_state": random_state, "shuffle": shuffle}
    estimator = fitted(name, warm_start=True, **params)
    folds, before = folds_of(estimator), out_of_fold(estimator)
    estimator.fit(X, target_of(name))
    assert_array_equal(folds_of(estimator), folds)
    assert (out_of_fold(estimator) != before).any()


@pytest.mark.parametrize("epoch", [5, 8, 20])
@both
def test_a_checkpoint_in_a_cycle_has_none_yet(name, epoch, tmp_path):
    path = tmp_path / "{epoch}.joblib"
    whole = make(name, **{**FOLDS, "max_iter": 24}, dropout=0.2)
    whole.set_callbacks(Checkpoint(path, every=epoch)).fit(X, target_of(name), WEIGHT)
    rest = load(str(path).format(epoch=epoch))
    assert shown(rest) == []
    rest.set_params(warm_start=True).fit(X, target_of(name), WEIGHT)
    assert_same(rest, whole)
    assert rest.history_["oof_loss"] == whole.history_["oof_loss"]
    assert_array_equal(out_of_fold(rest), out_of_fold(whole))


def test_validation_data_of_ones_own_are_only_recorded(monkeypatch):
    set_rows_aside(monkeypatch, None, None)  # none are
    params = {"learning_rate": "cycles", "n_members": 4, "max_iter": 24}
    plain = fitted("numbers", **params)
    scored = make("numbers", **params).fit(
        X, Y["numbers"], X_val=X[:50], y_val=Y["numbers"][:50]
    )
    assert_array_equal(parameters(scored), parameters(plain))
    assert len(scored.validation_scores_) == scored.n_iter_
    assert_array_equal(scored.oof_prediction_, plain.oof_prediction_)


# ----------------------------------------------------------------- honest probabilities


def test_probabilities_of_a_rare_event_are_right_in_the_mean():
    """And say more than its frequency alone does."""
    random_state = np.random.RandomState(0)
    inputs = random_state.randn(3000, 4)
    chance = 1 / (1 + np.exp(4.5 - 1.5 * inputs[:, 0]))
    y = random_state.rand(3000) < chance
    train, test = slice(0, 1500), slice(1500, None)
    classifier = BackpropClassifier(random_state=0).fit(inputs[train], y[train])
    frequency = y[train].mean()
    p = classifier.predict_proba(inputs[test])[:, 1]
    assert p.mean() == pytest.approx(frequency, rel=0.25)
    assert p.min() < frequency / 4
    base_rate = log_loss(y[test], np.full(1500, frequency))
    assert log_loss(y[test], p) < 0.95 * base_rate
    out = classifier.oof_decision_function_[:, 1]
    assert out.mean() == pytest.approx(frequency, rel=0.25)
    assert log_loss(y[train], out) < log_loss(y[train], np.full(1500, frequency))


def test_noise_has_the_frequencies_of_its_classes():
    y = np.arange(300) % 10 // 8  # a fifth of ones
    classifier = BackpropClassifier(random_state=0)
    inputs = np.random.RandomState(0).randn(300, 3)
    p = classifier.fit(inputs, y).predict_proba(inputs)[:, 1]
    assert p.mean() == pytest.approx(0.2, abs=0.05)
    assert classifier.oof_score_ > 0.7
    with pytest.warns(ConvergenceWarning, match="nothing was learned"):
        classifier.fit(np.ones_like(inputs), y)
    assert_allclose(classifier.predict_proba(inputs)[:, 1], 0.2, atol=0.05)


@pytest.mark.parametrize(
    ("n_samples", "n_members", "gain"),
    [
        (16_000, 8, 0.04), (16_001, 4, 0.02), (50_000, 4, 0.02),
        (75_000, 4, 0.03), (10**6, 4, 0.04),
    ],
)  # fmt: skip
def test_many_rows_have_fewer_members_and_smaller_gains(n_samples, n_members, gain):
    table = Table(np.random.default_rng(0).standard_normal((n_samples, 1)))
    for named, expected in (("auto", n_members), (5, 5)):
        params = BackpropRegressor(n_members=named).get_params()
        values, _ = auto_values(params, Call.FIT, "table", table)
        assert values.get("n_members", named) == expected
    assert gain_of_a_cycle(table) == pytest.approx(gain)
    settings = resolve(params, values, Choice("table", "asked for"))
    assert settings.takes_ranks(n_samples, is_sparse=False) == (n_members == 8)
