"""What a notebook shows of a fitted estimator, and of a checked gradient."""

import pickle
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import make_friedman1
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier, BackpropRegressor, Tanh, check_gradient
from skann.estimators.fit_html import fit_html

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_friedman1(120, random_state=0)


class Balance(HTMLParser):
    """Collects the text, and fails if a tag is closed that is not the last one open."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.seen = [], "", []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(html):
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    return parser


def fit(cls=BackpropRegressor, **options):
    options = {"hidden_layer_sizes": (3,), "max_iter": 6, "random_state": 0, **options}
    return cls(**options).fit(X, Y if cls is BackpropRegressor else Y > 14)


FITS = {
    "plain": (lambda: fit(), ["10-3-1", "37 parameters", "6 epochs", '"mlp"']),
    "lbfgs": (lambda: fit(solver="lbfgs"), ["6 epochs"]),
    "score": (
        lambda: fit(BackpropClassifier, early_stopping=True),
        ["best validation score", "validation"],
    ),
    "members": (
        lambda: fit(hidden_layer_sizes="auto", max_iter=24),
        ["8 networks", "each", "3 cosines", "out-of-fold loss", '"table"'],
    ),
    "piece": (
        lambda: BackpropRegressor((3,), random_state=0).partial_fit(X, Y),
        ["1 epoch in"],
    ),
    "given": (
        lambda: BackpropRegressor.from_weights([np.ones((2, 1))], [np.zeros(1)]),
        ["2-1", "3 parameters"],
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_shown_at_a_glance(name):
    make, words = FITS[name]
    estimator = make()
    page = parsed(fit_html(estimator))
    for word in words:
        assert word in page.text
    assert estimator.recipe_reason_ in page.text
    for parameter in estimator.auto_params_:
        assert parameter in page.text
    assert ("svg" in page.seen) == (estimator.n_iter_ > 1)
    html = estimator._repr_html_()
    assert "sk-container" in html
    assert "skann-fit" in estimator._repr_mimebundle_()["text/html"]
    assert html.count('class="skann-fit"') == 1
    assert len(fit_html(estimator)) < 12_000


def test_before_a_fit_it_is_scikit_learns_own():
    assert "skann-fit" not in BackpropRegressor()._repr_html_()
    with config_context(display="text"):
        assert not hasattr(fit(), "_repr_html_")


def test_a_long_fit_has_a_short_curve():
    regressor = fit(max_iter=3)
    for column in regressor.history_.values():
        column *= 1000
    assert len(fit_html(regressor)) < 12_000


@pytest.mark.parametrize(
    "losses", [[1.0, 1.0], [1.0, np.inf, 0.5], [0.0, 0.0], [-1, 5]]
)
def test_any_losses_make_a_picture(losses):
    regressor = fit(max_iter=len(losses))
    regressor.history_["loss"][:] = losses
    page = fit_html(regressor)
    assert "svg" in parsed(page).seen
    assert not any(word in page for word in ("nan,", ",nan", "inf,", ",inf"))


class Script(Tanh):
    """An activation whose name is an attack."""

    def __repr__(self):
        return "<script>alert(1)</script>"


def test_what_a_user_names_is_escaped():
    regressor = fit(activation=Script(), learning_rate_init=1e-9)
    regressor.auto_params_["activation"] = Script()
    regressor.recipe_reason_ = "<b>because</b>"
    regressor._fit_warnings = ["<img src=x onerror=alert(1)>"]
    html = fit_html(regressor)
    for part in ("<script", "<img", "<b>"):
        assert part not in html


def test_warnings_of_the_last_fit_are_shown():
    regressor = BackpropRegressor((3,), max_iter=2, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor.fit(X, Y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert str(caught[0].message) in parsed(fit_html(regressor)).text
    again = pickle.loads(pickle.dumps(regressor))
    assert fit_html(again) == fit_html(regressor)
    # As long as a fit warns of nothing, nothing is shown.
    silent = regressor.partial_fit(X, Y)
    assert "&#9888;" not in fit_html(silent)


def test_a_pipeline_has_its_own_diagram():
    pipeline = make_pipeline(StandardScaler(), fit())
    html = pipeline._repr_html_()
    assert "BackpropRegressor" in html
    assert "skann-fit" not in html


def test_a_checked_gradient_is_a_table():
    report = check_gradient(fit(max_iter=2), X[:20], Y[:20])
    page = parsed(report._repr_html_())
    for name in (*report.layer_errors, report.worst_parameter, "is right"):
        assert name in page.text
    assert page.text.count("\u2713") == 1 + len(report.layer_errors)


def test_a_wrong_gradient_says_so():
    report = check_gradient(fit(max_iter=2), X[:20], Y[:20], tolerance=1e-300)
    assert "is WRONG" in parsed(report._repr_html_()).text
