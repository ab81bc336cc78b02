"""scikit-learn's callbacks, and a user's own, hear of every epoch and may end training.

They may be set on the estimator or on a search around it.
"""

import copy
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import rich
from sklearn.base import clone, is_classifier
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skann import BackpropClassifier, BackpropRegressor

MAX_ITER = 6
COMMON = {"max_iter": MAX_ITER, "learning_rate_init": 0.03, "random_state": 0}

ESTIMATORS = {
    "adam": BackpropClassifier(5, solver="adam", **COMMON),
    "sgd": BackpropClassifier(5, solver="sgd", **COMMON),
    "lbfgs": BackpropClassifier(5, solver="lbfgs", **COMMON),
    "early_stopping": BackpropClassifier(
        5, early_stopping=True, validation_fraction=0.3, **COMMON
    ),
    "regressor_adam": BackpropRegressor(5, solver="adam", **COMMON),
    "regressor_lbfgs": BackpropRegressor(5, solver="lbfgs", **COMMON),
    "regressor_early_stopping": BackpropRegressor(
        5, early_stopping=True, **{**COMMON, "learning_rate_init": 0.3}
    ),
}

each_estimator = pytest.mark.parametrize("name", ESTIMATORS)

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make(name, *callbacks, **params):
    estimator = clone(ESTIMATORS[name]).set_params(**params)
    return estimator.set_callbacks(*callbacks)


def data_for(estimator):
    X, y = make_regression(60, 4, noise=20.0, random_state=0)
    X = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    y = pd.Series(y)
    return X, (y > 0).astype(int) if is_classifier(estimator) else y


def outputs(estimator, X):
    method = "predict_proba" if is_classifier(estimator) else "predict"
    return getattr(estimator, method)(X)


def metric(estimator):
    return "accuracy" if is_classifier(estimator) else "r2"


class Recorder:
    """Keeps what it hears; ends training after an epoch, or raises somewhere."""

    def __init__(self, *, stop_after=None, fail_at=None):
        self.stop_after = stop_after
        self.fail_at = fail_at
        self.events = []

    def _hear(self, event, context, **seen):
        self.events.append({"event": event, "context": context, **seen})
        if (event, context.task_name, context.task_id) == self.fail_at:
            raise ZeroDivisionError("a mistake in a callback")

    def setup(self, estimator, context):
        self._hear("setup", context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self._hear("begin", context, X=X, y=y, metadata=metadata)

    def on_fit_task_end(
        self,
        estimator,
        context,
        *,
        X=None,
        y=None,
        metadata=None,
        fitted_estimator=None,
    ):
        predicted = None
        if fitted_estimator is not None:
            predicted = outputs(fitted_estimator, X)
        self._hear(
            "end",
            context,
            X=X,
            y=y,
            metadata=metadata,
            fitted=fitted_estimator,
            predicted=predicted,
        )
        return context.parent is not None and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        self._hear("teardown", context)

    def count(self, event):
        return sum(heard["event"] == event for heard in self.events)

    def ends_of_epochs(self):
        return [
            heard
            for heard in self.events
            if heard["event"] == "end"
            and heard["context"].parent is not None
            and heard["fitted"] is not None
        ]


# ---------------------------------------------------------------------- what is heard


@each_estimator
def test_every_begin_has_its_end_and_every_epoch_is_a_task(name):
    recorder = Recorder()
    estimator = make(name, recorder)
    estimator.fit(*data_for(estimator))
    heard = [
        (e["event"], e["context"].task_name, e["context"].task_id)
        for e in recorder.events
    ]
    is_lbfgs = estimator.solver == "lbfgs"
    # L-BFGS says when an iteration ends, not whether another one comes.
    n_tasks = estimator.n_iter_ + is_lbfgs
    task_name = "iteration" if is_lbfgs else "epoch"
    epochs = [
        (event, task_name, number)
        for number in range(n_tasks)
        for event in ("begin", "end")
    ]
    assert heard == [
        ("setup", "fit", 0),
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        ("teardown", "fit", 0),
    ]
    assert len(recorder.ends_of_epochs()) == estimator.n_iter_
    assert recorder.events[0]["context"].max_subtasks == MAX_ITER + is_lbfgs


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@each_estimator
def test_hooks_see_the_data_as_they_were_passed(name, weighted):
    recorder = Recorder()
    estimator = make(name, recorder)
    X, y = data_for(estimator)
    weight = np.arange(60.0) if weighted else None
    estimator.fit(X, y, sample_weight=weight)
    hooks = [e for e in recorder.events if e["event"] in ("begin", "end")]
    for heard in hooks:
        assert heard["X"] is X
        assert heard["y"] is y
        if weighted:
            assert heard["metadata"]["sample_weight"] is weight
        else:
            assert heard["metadata"] is None


@each_estimator
def test_fitted_estimator_of_epoch_k_is_that_of_max_iter_k_and_stays_so(name):
    recorder = Recorder()
    estimator = make(name, recorder)
    X, y = data_for(estimator)
    estimator.fit(X, y)
    ends = recorder.ends_of_epochs()
    assert len(ends) > 3
    for k, heard in enumerate(ends, start=1):
        direct = make(name, max_iter=k).fit(X, y)
        np.testing.assert_array_equal(heard["predicted"], outputs(direct, X))
        np.testing.assert_array_equal(outputs(heard["fitted"], X), heard["predicted"])
        assert heard["fitted"].n_iter_ == k
        assert heard["fitted"].loss_curve_ == direct.loss_curve_


@each_estimator
def test_callbacks_do_not_change_the_fit(name):
    estimator, quiet = make(name, Recorder()), make(name)
    X, y = data_for(estimator)
    np.testing.assert_array_equal(
        outputs(estimator.fit(X, y), X), outputs(quiet.fit(X, y), X)
    )


@pytest.mark.parametrize("name", ["adam", "sgd", "regressor_adam"])
def test_partial_fit_calls_no_callbacks(name):
    recorder = Recorder()
    estimator = make(name, recorder)
    X, y = data_for(estimator)
    classes = {"classes": [0, 1]} if is_classifier(estimator) else {}
    estimator.partial_fit(X, y, **classes).partial_fit(X, y)
    assert recorder.events == []


# -------------------------------------------------------------------- ending training


@each_estimator
def test_a_callback_ends_training_by_returning_true(name):
    recorder = Recorder(stop_after=3)
    estimator = make(name, recorder, max_iter=50)
    X, y = data_for(estimator)
    estimator.fit(X, y)
    assert estimator.n_iter_ == 3
    assert len(estimator.loss_curve_) == 3
    assert recorder.count("begin") == recorder.count("end")
    assert recorder.count("teardown") == 1
    direct = make(name, max_iter=3).fit(X, y)
    np.testing.assert_array_equal(outputs(estimator, X), outputs(direct, X))


@each_estimator
def test_training_that_a_callback_ends_does_not_warn(name):
    estimator = make(name, Recorder(stop_after=2), max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(*data_for(estimator))
    assert estimator.n_iter_ == 2


# ---------------------------------------------------------------- callbacks that raise


def failures(name):
    epoch = "iteration" if "lbfgs" in name else "epoch"
    return {
        "setup": ("setup", "fit", 0),
        "begin of fit": ("begin", "fit", 0),
        "begin of an epoch": ("begin", epoch, 2),
        "end of an epoch": ("end", epoch, 2),
        "end of fit": ("end", "fit", 0),
        "teardown": ("teardown", "fit", 0),
    }


@pytest.mark.parametrize("where", failures("adam"))
@pytest.mark.parametrize("earlier", ["unfitted", "fitted", "warm_start"])
@pytest.mark.parametrize("name", ["adam", "sgd", "lbfgs", "early_stopping"])
def test_a_callback_that_raises_leaves_the_estimator_as_it_was(name, earlier, where):
    estimator = make(name, warm_start=earlier == "warm_start")
    X, y = data_for(estimator)
    if earlier != "unfitted":
        estimator.fit(X, y)
    recorder = Recorder(fail_at=failures(name)[where])
    estimator.set_callbacks(recorder)
    before, values_before = dict(vars(estimator)), copy.deepcopy(state(estimator))

    with pytest.raises(ZeroDivisionError, match="a mistake in a callback"):
        estimator.fit(X, 1 - y)

    assert recorder.count("teardown") == 1
    assert vars(estimator).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(estimator).items())
    np.testing.assert_equal(state(estimator), values_before)
    if earlier == "unfitted":
        with pytest.raises(NotFittedError):
            check_is_fitted(estimator)


def state(estimator):
    """Return what the estimator holds, apart from its callbacks."""
    state = estimator.__getstate__()
    return {k: v for k, v in state.items() if k != "_skl_callbacks"}


def test_teardown_is_called_when_training_diverges():
    recorder = Recorder()
    estimator = make("regressor_adam", recorder, solver="sgd", learning_rate_init=1e9)
    with pytest.raises(ValueError, match="diverged"):
        estimator.fit(*data_for(estimator))
    assert recorder.count("teardown") == 1


def test_an_estimator_whose_callback_raised_can_be_fitted_again():
    estimator = make("adam", Recorder(fail_at=("end", "epoch", 2)))
    X, y = data_for(estimator)
    with pytest.raises(ZeroDivisionError):
        estimator.fit(X, y)
    estimator.set_callbacks().fit(X, y)
    np.testing.assert_array_equal(
        outputs(estimator, X), outputs(make("adam").fit(X, y), X)
    )


# -------------------------------------------------------------------- scoring monitor


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@each_estimator
def test_scoring_monitor_logs_a_score_per_epoch(name, weighted):
    estimator = make(name)
    score_name = metric(estimator)
    monitor = ScoringMonitor(scoring=score_name)
    estimator.set_callbacks(monitor)
    X, y = data_for(estimator)
    weight = np.linspace(0, 2, 60) if weighted else None
    estimator.fit(X, y, sample_weight=weight)

    fit, *epochs = monitor.get_logs().data
    assert fit["task_name"] == "fit"
    assert [row["task_id"] for row in epochs] == list(range(estimator.n_iter_))
    expected = estimator.score(X, y, sample_weight=weight)
    assert fit[score_name] == expected
    assert epochs[-1][score_name] == expected
    assert len({row[score_name] for row in epochs}) > 1


@pytest.fixture(scope="module")
def searches():
    """Return what searches with one and with two jobs log and find."""
    return {n_jobs: run_search(n_jobs) for n_jobs in (1, 2)}


def run_search(n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    estimator = make("adam", monitor)
    X, y = data_for(estimator)
    search = GridSearchCV(
        estimator, {"alpha": [0, 10]}, cv=2, n_jobs=n_jobs, return_train_score=True
    )
    return search.fit(X, y), monitor.get_logs().data


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_follows_every_fit_of_a_search(searches, n_jobs):
    search, rows = searches[n_jobs]
    by_fit = {}
    for row in rows:
        if row["task_name"] == "epoch":
            by_fit.setdefault(row["parent_task_id_path"], []).append(row["accuracy"])
    assert {len(scores) for scores in by_fit.values()} == {MAX_ITER}

    # The search's own tasks: two candidates times two splits, then the refit.
    results = search.cv_results_
    for candidate in range(2):
        for split in range(2):
            path = (0, 0, 2 * candidate + split)
            expected = results[f"split{split}_train_score"][candidate]
            assert by_fit.pop(path)[-1] == expected
    X, y = data_for(search.best_estimator_)
    assert by_fit.pop((0, 1))[-1] == search.best_estimator_.score(X, y)
    assert by_fit == {}


def test_scoring_monitor_logs_the_same_with_one_job_and_two(searches):
    assert searches[1][1] == searches[2][1]


# ----------------------------------------------------------------------- progress bar


@pytest.fixture
def wide_console():
    rich.reconfigure(width=200)
    yield
    rich.reconfigure()


def bars(capsys):
    """Return {description: percentage} of the bars as they stood at the end."""
    lines = capsys.readouterr().out.splitlines()
    found = [re.match(r"\s*(\S.*?)\s+[━╸╺ ]*(\d+)%", line) for line in lines]
    return {match[1]: int(match[2]) for match in found if match}


@each_estimator
@pytest.mark.usefixtures("wide_console")
def test_progress_bar_runs_to_the_end(name, capsys):
    estimator = make(name, ProgressBar())
    estimator.fit(*data_for(estimator))
    assert bars(capsys) == {f"{type(estimator).__name__} - fit": 100}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.usefixtures("wide_console")
def test_progress_bar_of_a_search_shows_every_fit(n_jobs, capsys):
    estimator = make("lbfgs")
    search = GridSearchCV(estimator, {"alpha": [0, 1]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(*data_for(estimator))
    shown = bars(capsys)
    assert set(shown.values()) == {100}
    fits = [bar for bar in shown if "BackpropClassifier - fit" in bar]
    assert len(fits) == 5


@pytest.mark.usefixtures("wide_console")
def test_progress_bar_of_a_pipeline_reaches_the_network(capsys):
    estimator = make("adam")
    pipeline = make_pipeline(StandardScaler(), estimator)
    pipeline.set_callbacks(ProgressBar(max_propagation_depth=None))
    pipeline.fit(*data_for(estimator))
    shown = bars(capsys)
    assert any("BackpropClassifier - fit" in bar for bar in shown)
    assert set(shown.values()) == {100}
