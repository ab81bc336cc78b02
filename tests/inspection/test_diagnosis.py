"""A diagnosis names what is wrong with sick fits, and finds nothing in healthy ones."""

import pickle
import re
import warnings

import numpy as np
import pytest
from fits_to_diagnose import HEALTHY, SICK, classes, classifier, numbers, regressor
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropRegressor
from skann.inspection import Diagnosis, Finding, diagnose

CASES = [
    pytest.param(name, make, id=f"{name}-{make.__name__}")
    for name, makers in SICK.items()
    for make in makers
]


def fitted(example):
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return example.estimator.fit(example.X, example.y, **example.fit)


@pytest.fixture(scope="module")
def diagnose_once():
    """Return what diagnoses an example, each of them once."""
    known = {}

    def of(make):
        if make not in known:
            example = make()
            estimator = fitted(example)
            before = pickle.dumps(estimator)
            data = example.X, example.y, example.X_val, example.y_val
            known[make] = diagnose(estimator, *data)
            assert pickle.dumps(estimator) == before
        return known[make]

    return of


@pytest.mark.parametrize(("name", "make"), CASES)
def test_a_sick_fit_is_named(diagnose_once, name, make):
    diagnosis = diagnose_once(make)
    assert name in diagnosis.names
    finding = diagnosis[diagnosis.names.index(name)]
    assert any(character.isdigit() for character in finding.seen)
    compile(finding.remedy, "<remedy>", "exec")


def test_the_catalogue_is_large():
    assert len(SICK) >= 15


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
def test_a_healthy_fit_is_clean(diagnose_once, make):
    diagnosis = diagnose_once(make)
    assert not diagnosis, str(diagnosis)
    assert "Nothing was found." in str(diagnosis)


# ---------------------------------------------------------------------------- reports

FINDING = Finding("leak", "Column 'a<b' says it all: 100%.", "X = X[:, 1:]")


def test_a_report_is_a_sequence_and_a_text():
    diagnosis = Diagnosis((FINDING, FINDING), {}, ("overfitting: no rows.",))
    assert len(diagnosis) == 2
    assert list(diagnosis) == [FINDING, FINDING]
    assert diagnosis[1] is FINDING
    assert diagnosis[:1] == (FINDING,)
    text = str(diagnosis)
    assert text.startswith("warning: leak. Column 'a<b' says it all: 100%.\n    X = X[")
    assert text.endswith("not checked: overfitting: no rows.")
    html = diagnosis._repr_html_()
    assert "a&lt;b" in html
    assert html.count("<tr>") == 3
    assert "overfitting: no rows." in html


def test_a_report_of_nothing_is_false():
    assert not Diagnosis(())
    assert "Nothing was found" in Diagnosis(()).to_html()


def test_a_report_is_drawn_where_it_is_told_to(diagnose_once):
    plt = pytest.importorskip("matplotlib.pyplot")
    diagnosis = diagnose_once(SICK["overfitting"][0])
    figure, ax = plt.subplots()
    assert diagnosis.plot(ax) is diagnosis
    assert diagnosis.ax_ is ax
    assert diagnosis.figure_ is figure
    assert len(ax.patches) == 4
    assert "overfitting" in ax.get_title(loc="left")
    plt.close(figure)


def test_skills_are_those_of_the_score(diagnose_once):
    skills = diagnose_once(SICK["overfitting"][0]).skills
    example = SICK["overfitting"][0]()
    estimator = fitted(example)
    score = estimator.score(example.X, example.y)
    assert skills["network, training rows"] == pytest.approx(score)


# ----------------------------------------------------------------------------- frames


def test_columns_of_a_frame_have_their_names():
    pd = pytest.importorskip("pandas")
    X, y = classes()
    X = pd.DataFrame(X, columns=list("abcdefgh"))
    X["status"] = np.where(y == 1, "closed", "open")
    X["c"] = 1.0
    X["id"] = [f"row {number}" for number in range(len(X))]
    X.loc[5:, "b"] = np.nan
    X_val = X.copy()
    X_val.loc[:20, "a"] = np.nan
    estimator = classifier((32,), max_iter=20).fit(X, y)
    diagnosis = diagnose(estimator, X, y, X_val, y)
    seen = {finding.name: finding.seen + finding.remedy for finding in diagnosis}
    for name, column in {
        "leak": "'status'",
        "constant columns": "'c'",
        "identifier columns": "'id'",
        "empty columns": "'b'",
        "gaps that training has not seen": "'a'",
    }.items():
        assert column in seen[name]


# ---------------------------------------------------------------------------- messages


def test_a_fit_that_learned_nothing_names_the_diagnosis():
    X, y = numbers(60)
    hopeless = regressor((4,), alpha=1e6, learning_rate_init=0.1)
    with pytest.warns(ConvergenceWarning, match=r"skann\.inspection\.diagnose\("):
        hopeless.fit(X, y)


def test_a_fit_that_diverged_can_be_diagnosed_before_it_does():
    X, y = numbers(60)
    params = {"solver": "sgd", "learning_rate_init": 5.0, "activation": "identity"}
    estimator = regressor((8,), **params)
    with pytest.raises(ValueError, match="Training diverged") as raised:
        estimator.fit(X, y)
    message = str(raised.value)
    assert "skann.inspection.diagnose(" in message
    n_epochs = int(re.search(r"max_iter=(\d+) to stop before", message)[1])
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        estimator.set_params(max_iter=n_epochs).fit(X, y)
    assert diagnose(estimator, X, y).names[0] == "learning rate too large"


# ------------------------------------------------------------------------ other tables


@pytest.mark.parametrize(
    ("estimator", "X", "y"),
    [
        (classifier((4,)), [[0.0], [1.0]] * 20, list("ab") * 20),
        (classifier((4,)), np.eye(5), [1, 1, 1, 1, 1]),
        (regressor((4,)), np.ones((1, 2)), [3.0]),
        (regressor((4,)), 1e150 * np.arange(40.0).reshape(20, 2), np.arange(20.0)),
        (classifier((4,)), sparse.eye(30, format="csc"), sparse.eye(30, format="csc")),
        (regressor((4,), loss="poisson"), np.eye(30), np.arange(30)),
        (classifier(n_members=3, max_iter=2), np.eye(120), np.arange(120) % 3),
    ],
    ids=["lists", "one class", "one row", "huge", "sparse", "counts", "members"],
)
def test_tables_of_any_kind_are_read(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)
    assert isinstance(diagnose(estimator, X, y), Diagnosis)


def test_given_weights_are_an_estimator_like_any_other():
    X, y = numbers(60)
    estimator = BackpropRegressor.from_weights([np.ones((10, 1))], [[100.0]])
    assert diagnose(estimator, X, y).names == ["underfitting"]


# ----------------------------------------------------------------------------- streams


def test_a_short_stream_is_told_to_go_on():
    X, y = numbers(400)
    estimator = regressor((30,))
    for start in range(0, 400, 40):
        estimator.partial_fit(X[start : start + 40], y[start : start + 40])
    diagnosis = diagnose(estimator, X, y)
    assert diagnosis.names[0] in ("too few epochs", "underfitting")


# ------------------------------------------------------------------------------ errors


def test_what_is_no_estimator_of_skann_is_refused():
    X, y = numbers(60)
    with pytest.raises(TypeError, match="Got LinearRegression"):
        diagnose(LinearRegression().fit(X, y), X, y)
    with pytest.raises(TypeError, match=r"diagnose\(pipeline\[-1\]"):
        diagnose(make_pipeline(StandardScaler(), regressor()), X, y)
    search = GridSearchCV(regressor((), solver="lbfgs"), {"alpha": [1.0]}, cv=2)
    search.fit(X, y)
    with pytest.raises(TypeError, match="best_estimator_"):
        diagnose(search, X, y)


def test_what_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        diagnose(regressor(), *numbers(60))


X, Y = classes(60)
FITTED = classifier((4,), solver="lbfgs", max_iter=20)
with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
    FITTED.fit(X, Y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[:, :3], Y), "X has 3 features, but BackpropClassifier is expecting 8"),
        ((X, Y[:50]), "inconsistent numbers of samples"),
        ((X, Y + 5), "y has labels that the classifier does not know, such as"),
        ((X, Y, X), "y_val is missing"),
        ((X, Y, None, Y), "X_val is missing"),
        ((X, Y, X, Y + 5), "y_val has labels"),
        ((X, Y, X[:, :3], Y), "X has 3 features"),
        ((X, Y, X, Y[:3]), "inconsistent numbers of samples"),
    ],
)
def test_data_of_another_kind_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        diagnose(FITTED, *arguments)
