"""Where scikit-learn's MLP is wrong, skann is right: both numbers, row by row.

The names carry the ids of the faults, which docs/differences.md lists. The MLP's
side is asserted too, so that a test tells when scikit-learn mends the fault. Here are
the results; test_peer_faults_of_state.py has what a call leaves behind.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from peers import SEED, X, Y, classifiers, fit, parameters, regressors
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.training.schedules import InverseScaling


def fit_despite_overflow(estimator, *args):
    """Fit the MLP on what makes numpy complain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(*args)


# ----------------------------------------------------------- silent or wrong results


def test_w1_small_targets():
    mlp = fit(MLPRegressor(**SEED), X, Y * 1e-3)
    assert mlp.n_iter_ < 50
    assert mlp.score(X, Y * 1e-3) < -100  # -701
    plain = fit(BackpropRegressor(**SEED), X, Y)
    for c in (1e-6, 1e-3, 1e6):
        ours = fit(BackpropRegressor(**SEED), X, c * Y)
        assert ours.score(X, c * Y) > 0.95
        assert ours.n_iter_ == plain.n_iter_
        assert_allclose(ours.predict(X) / c, plain.predict(X), rtol=1e-6)


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("y", "score_of_mlp"),
    [(Y * 1e3, 0.2), (Y * 1e6, 0.0), (Y + 1e4, -1e6)],  # 0.14, -0.003, -8e7
    ids=["thousandfold", "millionfold", "offset"],
)
def test_w2_large_targets(y, score_of_mlp):
    assert fit(MLPRegressor(**SEED), X, y).score(X, y) < score_of_mlp
    assert fit(BackpropRegressor(**SEED), X, y).score(X, y) > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("mlp", "ours", "load", "score_of_mlp", "our_score"),
    [
        pytest.param(
            MLPRegressor, BackpropRegressor, load_diabetes, 0.0, 0.40,  # -3.1
            id="diabetes", marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            MLPClassifier, BackpropClassifier, load_wine, 0.93, 0.96,  # 0.893
            id="wine",
        ),
    ],
)  # fmt: skip
def test_w3_raw_data(mlp, ours, load, score_of_mlp, our_score):
    data = load(return_X_y=True)
    assert cross_val_score(mlp(**SEED), *data).mean() < score_of_mlp
    assert cross_val_score(ours(**SEED), *data).mean() > our_score


DIVERGENCE = r"epoch 2.*learning rate 1:.*lower learning_rate_init"


def test_w4_divergence():
    mlp, ours = regressors(solver="sgd", learning_rate_init=1.0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        fit_despite_overflow(mlp, X, X[:, 0] * 1e3)
    assert np.isnan(mlp.loss_curve_[2])
    assert mlp.n_iter_ == 200  # it went on for nothing
    with pytest.raises(ValueError, match=DIVERGENCE):
        ours.fit(X, X[:, 0] * 1e3)
    assert not hasattr(ours, "n_iter_")  # unfitted, as before the call


def test_w4_divergence_leaves_the_earlier_fit():
    _, ours = regressors(solver="sgd", max_iter=5)
    expected = fit(ours, X, Y).predict(X)
    ours.set_params(learning_rate_init=1.0)
    with pytest.raises(ValueError, match="Training diverged"):
        ours.fit(X, X[:, 0] * 1e3)
    assert_array_equal(ours.predict(X), expected)


@pytest.mark.parametrize("data", ["scores-stay-finite", "scores-become-nan"])
def test_w5_divergence_with_early_stopping(data):
    features, target = X, X[:, 0] * 1e3
    params = {"solver": "sgd", "learning_rate_init": 1.0, "early_stopping": True}
    if data == "scores-become-nan":
        features, target = load_iris(return_X_y=True)
        params |= {"activation": "identity", "max_iter": 20}
    mlp, ours = regressors(**params)
    fit_despite_overflow(mlp, features, target)
    assert mlp.score(features, target) < -1e3  # -1e94, -4e4
    with pytest.raises(ValueError, match=r"Training diverged in epoch \d+.*lower"):
        ours.fit(features, target)
    assert not hasattr(ours, "n_iter_")


@pytest.mark.parametrize(
    ("features", "unit"), [(X * 1e160, 1.0), (X, 1e200)], ids=["X", "y"]
)
def test_w6_lbfgs_on_huge_numbers(features, unit):
    mlp, ours = regressors(solver="lbfgs")
    fit_despite_overflow(mlp, features, Y * unit)
    assert np.isnan(mlp.loss_)
    assert mlp.n_iter_ == 0
    with pytest.raises(ValueError, match="too large for float64"):
        ours.fit(features, Y * unit)
    ours.set_params(scaling="standard").fit(features, Y * unit)
    assert_allclose(ours.predict(features) / unit, Y, atol=0.2)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_w7_negative_targets_of_poisson(solver):
    mlp, ours = regressors(loss="poisson", solver=solver, max_iter=3)
    fit_despite_overflow(mlp, X, Y)
    assert np.isnan(mlp.loss_)
    with pytest.raises(ValueError, match=r"loss='poisson'.* targets in \[0, inf\]"):
        ours.fit(X, Y)


def test_w8_negative_sample_weights():
    weight = np.r_[-1.0, np.ones(499)]
    mlp, ours = regressors(max_iter=3)
    assert np.isfinite(fit(mlp, X, Y, sample_weight=weight).loss_)  # accepted
    with pytest.raises(ValueError, match=r"[Nn]egative.*sample_weight"):
        ours.fit(X, Y, sample_weight=weight)


def test_w9_sample_weights_one_sample_at_a_time():
    weight = np.where(X[:, 0] > 0, 10.0, 0.1)
    params = {"batch_size": 1, "alpha": 0.0, "max_iter": 3}
    weighted = [fit(e, X, Y, weight).predict(X) for e in regressors(**params)]
    unweighted = [fit(e, X, Y).predict(X) for e in regressors(**params)]
    assert_allclose(weighted[0], unweighted[0], atol=1e-12)  # no effect
    assert np.abs(weighted[1] - unweighted[1]).max() > 0.1


def test_w9_a_sample_counts_by_its_weight_whatever_the_batch_size():
    weight = np.random.RandomState(1).uniform(0.1, 3.0, 500)
    rate = 0.01
    ours = BackpropRegressor(
        hidden_layer_sizes=(), solver="sgd", learning_rate_init=rate, momentum=0.0,
        alpha=0.0, batch_size=1, shuffle=False, max_iter=1, scaling=None,
    )  # fmt: skip
    fit(ours, X, Y, weight, coef_init=[np.zeros((5, 1))], intercept_init=[[0.0]])
    coef, intercept = np.zeros(5), 0.0
    for row, target, w in zip(X, Y, weight / weight.mean(), strict=True):
        error = row @ coef + intercept - target
        coef -= rate * w * error * row
        intercept -= rate * w * error
    assert_allclose(ours.coefs_[0][:, 0], coef, rtol=1e-10)
    assert_allclose(ours.intercepts_[0][0], intercept, rtol=1e-10)


def test_w10_a_minibatch_without_weight():
    weight = np.ones(500)
    weight[:50] = 0.0
    params = {
        "solver": "sgd", "momentum": 0.0, "alpha": 0.0, "shuffle": False,
        "batch_size": 50, "max_iter": 3,
    }  # fmt: skip
    mlp, ours = regressors(**params)
    with pytest.raises(ZeroDivisionError):
        mlp.fit(X, Y, sample_weight=weight)
    fit(ours, X, Y, sample_weight=weight)
    # It is as if those samples were not there; the mean weight of 0.9 raises the rate.
    _, without = regressors(**params, learning_rate_init=0.001 / 0.9)
    fit(without, X[50:], Y[50:])
    assert_allclose(parameters(ours), parameters(without), rtol=1e-10)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_w11_loss_and_gradient_of_several_targets(n_outputs):
    y = np.c_[Y, X[:, 2], -X[:, 3]][:, :n_outputs]
    y = y[:, 0] if n_outputs == 1 else y
    ratios, losses = [], []
    rate = 1e-6
    for estimator in regressors(
        hidden_layer_sizes=(10,), activation="tanh", solver="sgd", momentum=0.0,
        alpha=0.0, learning_rate_init=rate, batch_size=500, shuffle=False,
    ):  # fmt: skip
        before = parameters(estimator.partial_fit(X, y))
        gradient = (before - parameters(estimator.partial_fit(X, y))) / rate
        estimator.partial_fit(X, y)
        loss = estimator.loss_curve_  # each before the step of its epoch
        ratios.append(rate * gradient @ gradient / (loss[1] - loss[2]))
        losses.append(loss[0])
    assert_allclose(ratios[0], n_outputs, rtol=1e-3)  # of the MLP
    assert_allclose(ratios[1], 1.0, rtol=1e-3)
    assert_allclose(losses[1], n_outputs * losses[0], rtol=1e-12)
    assert check_gradient(estimator, X, y).passed


def share_in_validation(estimator, y, label):
    """Return the share of a class in the part that early stopping sets aside.

    It is the accuracy there of a network that gives this one answer and hardly moves.
    """
    estimator.set_params(
        early_stopping=True, warm_start=True, max_iter=1, learning_rate_init=1e-12
    )
    fit(estimator, X, y)
    answer = np.where(estimator.classes_ == label, 1e3, -1e3)
    biases = estimator.intercepts_[-1]
    biases[...] = answer[-biases.size :]  # for two classes the second's only
    return fit(estimator, X, y).validation_scores_[-1]


@pytest.mark.parametrize(("label", "share"), [(1, 0.08), (2, 0.02)])
def test_w12_early_stopping_with_several_classes(label, share):
    y = np.repeat([0, 1, 2], [450, 40, 10])
    shares = [
        [share_in_validation(e.set_params(random_state=seed), y, label) for e in pair]
        for seed, pair in enumerate(classifiers() for _ in range(5))
    ]
    of_mlp, of_ours = zip(*shares, strict=True)
    assert len(set(of_mlp)) > 1  # by chance, and once no sample of the last class
    assert set(of_ours) == {share}


def test_w12_early_stopping_with_a_class_of_one():
    y = np.r_[1, np.zeros(499, dtype=int)]
    mlp, ours = classifiers(early_stopping=True)
    with pytest.raises(ValueError, match="only 1 member"):
        mlp.fit(X, y)
    assert share_in_validation(ours, y, 1) == 0.0


def test_w13_a_single_class():
    mlp, ours = classifiers(max_iter=3)
    for estimator in (mlp, ours):
        fit(estimator, X, np.zeros(500))
        assert_array_equal(estimator.classes_, [0.0])
    assert mlp.predict_proba(X).shape == (500, 2)
    assert_array_equal(ours.predict_proba(X), np.ones((500, 1)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_w14_log_probabilities_of_a_saturated_input(n_classes):
    mlp, ours = classifiers(max_iter=20)
    y = np.digitize(Y, [0.0, 1.0][: n_classes - 1])
    for estimator in (mlp, ours):
        fit(estimator, X, y)
    far = X[:10] * 1e6
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert np.isneginf(mlp.predict_log_proba(far)).any()
    log_probabilities = ours.predict_log_proba(far)
    assert np.isfinite(log_probabilities).all()
    assert log_probabilities.min() < -1e4
    assert ours.predict_proba(far).min() > 0  # the MLP's is 0
    assert mlp.predict_proba(far).min() == 0


# ---------------------------------------------------- found beside those in the list


def test_the_loss_of_a_saturated_sample_is_not_clipped():
    # One unit of weight 100: the log-loss of a wrong answer is 100. The MLP clips the
    # probability to an epsilon in the loss, though not in the gradient, so that the
    # two disagree, and line searches of lbfgs are misled.
    losses = []
    for estimator in classifiers(
        hidden_layer_sizes=(1,), activation="identity", solver="sgd",
        learning_rate_init=1e-12, alpha=0.0, warm_start=True, max_iter=1,
    ):  # fmt: skip
        fit(estimator, [[1.0], [-1.0]], [1, 0])
        for weights, biases, value in zip(
            estimator.coefs_, estimator.intercepts_, (1.0, 100.0), strict=True
        ):
            weights[...] = value
            biases[...] = 0.0
        losses.append(fit(estimator, [[1.0], [-1.0]], [0, 1]).loss_)
    assert_allclose(losses[0], -np.log(np.finfo(float).eps), rtol=1e-3)  # 36.04
    assert_allclose(losses[1], 100.0, rtol=1e-9)


def test_adam_follows_the_schedule():
    constant = [fit(e, X, Y) for e in regressors(max_iter=5)]
    # What people name by habit changes nothing, as in the MLP.
    for name in ("invscaling", "adaptive"):
        for known, peer in zip(
            constant, regressors(max_iter=5, learning_rate=name), strict=True
        ):
            assert fit(peer, X, Y).loss_curve_ == known.loss_curve_
    # What the MLP does not have, and objects, are followed.
    for schedule in ("exponential", InverseScaling()):
        _, ours = regressors(max_iter=5)
        ours.set_params(learning_rate=schedule)
        assert fit(ours, X, Y).loss_curve_ != constant[1].loss_curve_


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("ours", [BackpropClassifier, BackpropRegressor])
def test_a_fit_that_learns_nothing_says_so(ours, solver):
    # The inputs are constant: the mean is all that there is to learn.
    data, target = np.ones((60, 3)), np.arange(60) % 3
    estimator = ours((5,), solver=solver, random_state=0, max_iter=500)
    with pytest.warns(ConvergenceWarning, match="no better than.*nothing was learned"):
        estimator.fit(data, target)
    # Targets that are all equal are learned by their mean.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours((5,), solver=solver, random_state=0, max_iter=2000).fit(data, [7] * 60)


@pytest.mark.parametrize("ours", [BackpropClassifier, BackpropRegressor])
def test_a_piece_of_a_stream_does_not_say_that_training_stopped(ours):
    data, target = np.ones((60, 3)), np.arange(60) % 3
    estimator = ours((5,), random_state=0, n_iter_no_change=2)
    options = {"classes": [0, 1, 2]} if ours is BackpropClassifier else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(20):
            estimator.partial_fit(data, target, **options)


def test_a_penalty_that_forbids_to_learn_is_named():
    estimator = BackpropRegressor((5,), alpha=1e6, random_state=0, max_iter=2000)
    with pytest.warns(ConvergenceWarning, match=r"nothing was learned.*alpha=1e\+06"):
        estimator.fit(X, Y)
