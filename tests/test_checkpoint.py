"""Checkpoints bring a fit to its end, and a recorder sees every parameter."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.callback import ScoringMonitor

from skann import BackpropClassifier, BackpropRegressor
from skann.callbacks import Checkpoint, ParameterRecorder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_random_state = np.random.RandomState(0)
X = _random_state.randn(80, 4)
NUMBERS = X[:, 0] - X[:, 1] ** 2 + _random_state.randn(80)
LABELS = np.digitize(NUMBERS, [-1.0, 0.5])
KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
TARGETS = {"classifier": LABELS, "regressor": NUMBERS}
BOTH = pytest.mark.parametrize("kind", KINDS)

CASES = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "adaptive": {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2},
    "cosine": {"learning_rate": "cosine"},
    "dropout": {"dropout": 0.3, "weight_decay": 0.1, "max_grad_norm": 1.0},
    "early stopping": {"early_stopping": True, "learning_rate_init": 0.1},
    "in order": {
        "early_stopping": True, "learning_rate_init": 0.1, "shuffle": False,
    },
    "early stopping that stops": {
        "early_stopping": True, "learning_rate_init": 0.1, "n_iter_no_change": 4,
    },
    "best training loss": {"restore_best_weights": True, "learning_rate_init": 0.3},
    "RandomState": {"random_state": np.random.RandomState(3)},
}  # fmt: skip


def make(kind, **params):
    defaults = {
        "hidden_layer_sizes": (10,),
        "batch_size": 16,
        "max_iter": 20,
        "learning_rate_init": 0.01,
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }
    return KINDS[kind](**{**defaults, **params})


def parameters(estimator):
    arrays = (*estimator.coefs_, *estimator.intercepts_)
    return np.concatenate([array.ravel() for array in arrays])


# ------------------------------------------------------------------------- checkpoint


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("no/such/fit.joblib", FileNotFoundError, r"does not exist.*os\.makedirs"),
        ("", IsADirectoryError, r"is a folder.*fit\.joblib"),
        ("{eboch}.joblib", ValueError, r"may only contain \{epoch\} in braces"),
        ("{.joblib", ValueError, r"may only contain \{epoch\} in braces"),
    ],
)
def test_a_file_without_a_place_is_refused_before_training(
    tmp_path, name, error, message
):
    regressor = make("regressor").set_callbacks(Checkpoint(tmp_path / name))
    with pytest.raises(error, match=message):
        regressor.fit(X, NUMBERS)
    assert not hasattr(regressor, "n_iter_")


@pytest.mark.every(5)
@BOTH
@pytest.mark.parametrize("epoch", [1, 7, 12])
@pytest.mark.parametrize("name", CASES)
def test_a_fit_that_was_cut_off_is_brought_to_its_end(name, epoch, kind, tmp_path):
    whole = make(kind, **CASES[name])
    whole.set_callbacks(Checkpoint(tmp_path / "{epoch}.joblib"))
    whole.fit(X, TARGETS[kind])
    if not (tmp_path / f"{epoch}.joblib").exists():
        assert whole.n_iter_ < epoch
        return
    rest = joblib.load(tmp_path / f"{epoch}.joblib")
    assert rest.n_iter_ == epoch
    rest.set_params(warm_start=True).fit(X, TARGETS[kind])
    assert_array_equal(parameters(rest), parameters(whole))
    assert_array_equal(rest.predict(X), whole.predict(X))
    for attribute in ("loss_curve_", "validation_scores_", "n_iter_", "t_"):
        assert getattr(rest, attribute) == getattr(whole, attribute)
    for attribute in ("best_loss_", "best_validation_score_", "loss_"):
        assert getattr(rest, attribute) == getattr(whole, attribute)


@BOTH
def test_a_warm_fit_after_the_end_is_a_fit_of_its_own(kind, tmp_path):
    estimator = make(kind).set_callbacks(Checkpoint(tmp_path / "last.joblib"))
    estimator.fit(X, TARGETS[kind])
    rest = joblib.load(tmp_path / "last.joblib").set_params(warm_start=True)
    rest.fit(X, TARGETS[kind])
    assert rest.n_iter_ == 20  # nothing was left to do
    rest.set_params(max_iter=5).fit(X, TARGETS[kind])
    assert rest.n_iter_ == 5
    assert len(rest.loss_curve_) == 25


@BOTH
def test_a_checkpoint_predicts_as_its_epoch_did(kind, tmp_path):
    estimator = make(kind).set_callbacks(Checkpoint(str(tmp_path / "a"), every=6))
    estimator.fit(X, TARGETS[kind])
    saved = joblib.load(tmp_path / "a")
    assert saved.n_iter_ == 18
    short = make(kind, max_iter=18).fit(X, TARGETS[kind])
    assert_array_equal(saved.predict(X), short.predict(X))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    # It does not go on saving itself.
    saved.set_params(warm_start=True).fit(X, TARGETS[kind])
    assert joblib.load(tmp_path / "a").n_iter_ == 18


@BOTH
def test_lbfgs_goes_on_from_its_checkpoint(kind, tmp_path):
    estimator = make(kind, solver="lbfgs", max_iter=300, alpha=1.0)
    estimator.set_callbacks(Checkpoint(tmp_path / "a", every=10))
    estimator.fit(X, TARGETS[kind])
    rest = joblib.load(tmp_path / "a").set_params(warm_start=True)
    rest.fit(X, TARGETS[kind])
    assert rest.loss_ <= estimator.loss_ * 1.001


@BOTH
def test_a_checkpoint_that_cannot_be_saved_leaves_the_old_one(
    kind, tmp_path, monkeypatch
):
    path = tmp_path / "a"
    make(kind, max_iter=3).set_callbacks(Checkpoint(path)).fit(X, TARGETS[kind])

    def fail(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(joblib, "dump", fail)
    estimator = make(kind).set_callbacks(Checkpoint(path))
    with pytest.raises(OSError, match="full"):
        estimator.fit(X, TARGETS[kind])
    monkeypatch.undo()
    assert joblib.load(path).n_iter_ == 3
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("every", [0, -1, 2.5, "all"])
def test_a_strange_number_of_epochs_is_refused(every):
    with pytest.raises((ValueError, TypeError), match="every"):
        Checkpoint("a", every=every)


# --------------------------------------------------------------------------- recorder


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_recorder_sees_every_parameter_of_every_epoch(kind, solver):
    recorder = ParameterRecorder()
    estimator = make(kind, solver=solver, tol=0.0, max_iter=6)
    estimator.set_callbacks(recorder).fit(X, TARGETS[kind])
    assert recorder.epochs_ == list(range(7))
    for epoch in (1, 4, 6):
        short = make(kind, solver=solver, tol=0.0, max_iter=epoch)
        short.fit(X, TARGETS[kind])
        for layer in (0, 1):
            assert_array_equal(recorder.coefs_[epoch][layer], short.coefs_[layer])
            assert_array_equal(
                recorder.intercepts_[epoch][layer], short.intercepts_[layer]
            )


@BOTH
def test_the_recorded_gradient_is_the_step_of_plain_gradient_descent(kind):
    recorder = ParameterRecorder()
    estimator = make(
        kind, solver="sgd", momentum=0.0, batch_size=80, learning_rate_init=0.1,
        max_iter=4, alpha=0.3, tol=0.0,
    )  # fmt: skip
    weight = np.linspace(0.5, 2, 80)
    estimator.set_callbacks(recorder).fit(X, TARGETS[kind], weight)
    assert_allclose(recorder.losses_[:-1], estimator.loss_curve_)
    for epoch in range(4):
        for layer in (0, 1):
            for values, gradients in (
                (recorder.coefs_, recorder.coef_gradients_),
                (recorder.intercepts_, recorder.intercept_gradients_),
            ):
                step = values[epoch + 1][layer] - values[epoch][layer]
                assert_allclose(step, -0.1 * gradients[epoch][layer], atol=1e-12)


def test_callbacks_work_side_by_side_and_a_new_fit_starts_anew(tmp_path):
    recorder, monitor = ParameterRecorder(), ScoringMonitor(scoring="r2")
    estimator = make("regressor", max_iter=4)
    estimator.set_callbacks(recorder, monitor, Checkpoint(tmp_path / "a"))
    estimator.fit(X, NUMBERS)
    first = recorder.losses_
    estimator.fit(X, NUMBERS)
    assert recorder.losses_ == first
    assert len(first) == 5
