"""The estimators in scikit-learn's pipelines, searches, ensembles and displays."""

import copy
import io
import pickle
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from skann import BackpropClassifier, BackpropRegressor

# Some fits end at max_iter, which is not news here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def classifier(**params):
    defaults = {"hidden_layer_sizes": 8, "solver": "lbfgs", "max_iter": 40}
    return BackpropClassifier(**{**defaults, "random_state": 0, **params})


def regressor(**params):
    defaults = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 20}
    return BackpropRegressor(**{**defaults, "random_state": 0, **params})


PROBLEMS = {
    "classifier": (classifier, IRIS),
    "regressor": (regressor, DIABETES),
}


# ------------------------------------------------------------------------ validation


def test_pipeline_is_the_scaler_followed_by_the_network():
    X, y = IRIS
    pipeline = make_pipeline(MinMaxScaler(), classifier()).fit(X, y)
    scaled = MinMaxScaler().fit_transform(X)
    direct = classifier().fit(scaled, y)
    assert_array_equal(pipeline.predict_proba(X), direct.predict_proba(scaled))
    assert pipeline.score(X, y) > 0.95


def test_cross_validate_scores_several_metrics():
    scores = cross_validate(
        classifier(),
        *IRIS,
        cv=FOLDS,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
        error_score="raise",
    )
    assert scores["test_accuracy"].min() > 0.9
    assert scores["test_roc_auc_ovr"].min() > 0.95
    assert (scores["test_neg_log_loss"] < 0).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_cross_val_predict_is_the_prediction_of_each_fold(method):
    X, y = IRIS
    predicted = cross_val_predict(classifier(), X, y, cv=FOLDS, method=method)
    for train, test in FOLDS.split(X, y):
        fold = classifier().fit(X[train], y[train])
        assert_array_equal(predicted[test], getattr(fold, method)(X[test]))


@pytest.mark.parametrize("incremental", [False, True], ids=["fit", "partial_fit"])
def test_learning_curve(incremental):
    sizes, train_scores, test_scores = learning_curve(
        classifier(solver="adam", learning_rate_init=0.1, batch_size=5, max_iter=5),
        *IRIS,
        train_sizes=[30, 60, 90],
        cv=FOLDS,
        shuffle=True,
        random_state=0,
        exploit_incremental_learning=incremental,
        error_score="raise",
    )
    assert_array_equal(sizes, [30, 60, 90])
    assert train_scores.shape == test_scores.shape == (3, 3)
    assert test_scores[-1].mean() > 0.8


def test_validation_curve_sees_the_penalty():
    train_scores, _ = validation_curve(
        regressor(hidden_layer_sizes=()),
        *DIABETES,
        param_name="alpha",
        param_range=[0, 1e2, 1e4],
        cv=3,
    )
    means = train_scores.mean(axis=1)
    assert means[0] > means[1] > means[2]


# -------------------------------------------------------------------------- searches


@pytest.mark.exhaustive
def test_grid_search_with_two_jobs_finds_what_it_finds_with_one():
    X, y = IRIS
    grid = {
        "backpropclassifier__hidden_layer_sizes": [(), (5,), (6, 4)],
        "backpropclassifier__scaling": [None, "standard"],
        "standardscaler__with_std": [True, False],
    }
    searches = [
        GridSearchCV(
            make_pipeline(StandardScaler(), classifier(solver="adam", max_iter=5)),
            grid,
            cv=FOLDS,
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(X, y)
        for n_jobs in (1, 2)
    ]
    one, two = searches
    assert len(set(one.cv_results_["mean_test_score"])) > 3
    assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert one.best_params_ == two.best_params_
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    sizes = one.best_params_["backpropclassifier__hidden_layer_sizes"]
    assert len(one.best_estimator_[-1].coefs_) == len(sizes) + 1


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_grid_search_goes_on_after_a_fit_that_fails():
    search = GridSearchCV(classifier(), {"alpha": [-1, 1e-3]}, cv=FOLDS)
    with pytest.warns(FitFailedWarning, match="'alpha' parameter"):
        search.fit(*IRIS)
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert search.best_params_ == {"alpha": 1e-3}


def test_halving_grid_search_gives_good_candidates_more_epochs():
    search = HalvingGridSearchCV(
        classifier(solver="adam"),
        {"learning_rate_init": [1e-5, 1e-4, 1e-2, 1e-1]},
        resource="max_iter",
        min_resources=5,
        max_resources=20,
        factor=2,
        cv=FOLDS,
        random_state=0,
        error_score="raise",
    ).fit(*IRIS)
    assert_array_equal(search.n_resources_, [5, 10, 20])
    assert search.best_params_ == {"learning_rate_init": 0.1, "max_iter": 20}
    assert search.best_score_ > 0.9


def test_randomized_search_draws_from_a_distribution():
    search = RandomizedSearchCV(
        regressor(),
        {"alpha": loguniform(1e-6, 1e2), "activation": ["tanh", "relu"]},
        n_iter=4,
        cv=3,
        random_state=0,
        error_score="raise",
    ).fit(*DIABETES)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.best_estimator_.alpha == search.best_params_["alpha"]


# --------------------------------------------------------------------- around, inside

CLASSIFIERS_AROUND = {
    "CalibratedClassifierCV": lambda net: CalibratedClassifierCV(net, cv=3),
    "isotonic": lambda net: CalibratedClassifierCV(net, method="isotonic", cv=3),
    "BaggingClassifier": lambda net: BaggingClassifier(net, 3, random_state=0),
    "AdaBoostClassifier": lambda net: AdaBoostClassifier(net, n_estimators=3),
    "StackingClassifier": lambda net: StackingClassifier(
        [("net", net), ("linear", LogisticRegression())], cv=3
    ),
    "VotingClassifier": lambda net: VotingClassifier(
        [("net", net), ("linear", LogisticRegression())], voting="soft"
    ),
    "OneVsRestClassifier": OneVsRestClassifier,
    "OneVsOneClassifier": OneVsOneClassifier,
}

REGRESSORS_AROUND = {
    "BaggingRegressor": lambda net: BaggingRegressor(net, 3, random_state=0),
    "StackingRegressor": lambda net: StackingRegressor(
        [("net", net), ("linear", Ridge())], cv=3
    ),
    "VotingRegressor": lambda net: VotingRegressor([("net", net), ("linear", Ridge())]),
    "TransformedTargetRegressor": lambda net: TransformedTargetRegressor(
        net, func=np.log, inverse_func=np.exp
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS_AROUND)
def test_classifier_inside(name):
    X, y = IRIS
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, random_state=0, stratify=y
    )
    model = CLASSIFIERS_AROUND[name](classifier())
    assert model.fit(X_train, y_train).score(X_test, y_test) > 0.9


@pytest.mark.parametrize("name", REGRESSORS_AROUND)
def test_regressor_inside(name):
    X_train, X_test, y_train, y_test = train_test_split(*DIABETES, random_state=0)
    model = REGRESSORS_AROUND[name](regressor(alpha=30.0))
    assert model.fit(X_train, y_train).score(X_test, y_test) > 0.3


def test_transformed_target_is_the_regressor_on_the_transformed_target():
    X, y = DIABETES
    model = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp)
    direct = regressor().fit(X, np.log(y))
    assert_allclose(model.fit(X, y).predict(X), np.exp(direct.predict(X)))


def test_tuned_threshold_classifier():
    X, y = IRIS
    is_rare = (y == 1).astype(int)
    model = TunedThresholdClassifierCV(classifier(), scoring="f1", cv=3)
    assert model.fit(X, is_rare).score(X, is_rare) > 0.9


def test_multi_output_classifier_is_one_network_per_column():
    X, y = make_multilabel_classification(n_classes=3, random_state=0)
    predicted = MultiOutputClassifier(classifier()).fit(X, y).predict(X)
    for k in range(3):
        assert_array_equal(predicted[:, k], classifier().fit(X, y[:, k]).predict(X))


def test_multi_output_regressor_is_one_network_per_column():
    X, y = DIABETES
    y = np.column_stack([y, np.sqrt(y)])
    predicted = MultiOutputRegressor(regressor()).fit(X, y).predict(X)
    for k in range(2):
        assert_array_equal(predicted[:, k], regressor().fit(X, y[:, k]).predict(X))


# --------------------------------------------------------------------- mixed columns


def synthetic_housing():
    """Return a frame of numbers on many scales, with gaps, and a column of names."""
    rng = np.random.RandomState(0)
    n = 400
    place = rng.choice(["INLAND", "NEAR BAY", "NEAR OCEAN"], n)
    rooms = rng.lognormal(7.5, 0.7, n).round()
    bedrooms = (rooms * rng.uniform(0.15, 0.3, n)).round()
    income = rng.gamma(3.0, 1.3, n)
    premium = pd.Series(place).map({"INLAND": 0, "NEAR BAY": 9e4, "NEAR OCEAN": 6e4})
    value = 4e4 * income + premium + rng.normal(0, 2e4, n) + 2e4
    bedrooms[rng.choice(n, 20, replace=False)] = np.nan
    return pd.DataFrame(
        {
            "longitude": rng.uniform(-124, -114, n),
            "total_rooms": rooms,
            "total_bedrooms": bedrooms,
            "median_income": income,
            "ocean_proximity": place,
            "median_house_value": value,
        }
    )


# The real thing takes part where the folder of data stands beside the project.
FRAMES = {"synthetic": synthetic_housing}
HOUSING = Path(__file__).parents[3] / "shared" / "data" / "raw" / "housing.csv.gz"
if HOUSING.exists():
    FRAMES["housing"] = lambda: pd.read_csv(HOUSING).sample(2000, random_state=0)


@pytest.mark.parametrize("sparse_threshold", [0, 1], ids=["dense", "sparse"])
@pytest.mark.parametrize("frame", FRAMES)
def test_column_transformer_on_mixed_columns(frame, sparse_threshold):
    data = FRAMES[frame]()
    assert data.isna().any().any()
    X, y = data.drop(columns="median_house_value"), data["median_house_value"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    columns = make_column_transformer(
        (
            # Sparse columns would be divided by their spread but not centred.
            make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
            ),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_exclude="number"),
        ),
        sparse_threshold=sparse_threshold,
    )
    model = make_pipeline(columns, regressor(hidden_layer_sizes=16, max_iter=100))
    model.fit(X_train, y_train)
    assert model.score(X_test, y_test) > 0.6
    # Rows to predict may have gaps, too.
    assert np.isfinite(model.predict(X_test.assign(total_bedrooms=np.nan))).all()
    assert model[-1].n_features_in_ > X.shape[1]


def test_frames_from_a_transformer_bring_their_names():
    X = pd.DataFrame(IRIS[0], columns=["a", "b", "c", "d"])
    pipeline = make_pipeline(StandardScaler(), classifier())
    pipeline.set_output(transform="pandas").fit(X, IRIS[1])
    assert list(pipeline[-1].feature_names_in_) == ["a", "b", "c", "d"]
    assert pipeline.score(X, IRIS[1]) > 0.95


# -------------------------------------------------------------------------- metadata


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def requesting(estimator):
    return estimator.set_fit_request(sample_weight=True).set_score_request(
        sample_weight=True
    )


def routed_problem(name):
    make, (X, y) = PROBLEMS[name]
    weight = np.random.RandomState(0).uniform(0, 3, len(y)).round()
    return make, X, y, weight


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.usefixtures("routing")
def test_weights_reach_each_fold_of_cross_validate_through_a_pipeline(name):
    make, X, y, weight = routed_problem(name)
    folds = KFold(3, shuffle=True, random_state=0)
    # The scaler leaves the weights alone; the network's own scaling counts them.
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    result = cross_validate(
        make_pipeline(scaler, requesting(make())),
        X,
        y,
        cv=folds,
        params={"sample_weight": weight},
        error_score="raise",
    )
    unweighted = cross_validate(make_pipeline(scaler, make()), X, y, cv=folds)
    for fold, (train, test) in enumerate(folds.split(X)):
        direct = make_pipeline(StandardScaler(), make())
        last = direct.steps[-1][0]
        with config_context(enable_metadata_routing=False):
            direct.fit(X[train], y[train], **{f"{last}__sample_weight": weight[train]})
            expected = direct.score(X[test], y[test], sample_weight=weight[test])
        assert result["test_score"][fold] == expected
    assert (result["test_score"] != unweighted["test_score"]).any()


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.usefixtures("routing")
def test_weights_reach_the_refit_of_a_grid_search_through_a_pipeline(name):
    make, X, y, weight = routed_problem(name)
    pipeline = make_pipeline(requesting(make()))
    grid = {f"{pipeline.steps[-1][0]}__alpha": [1e-4, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise")
    search.fit(X, y, sample_weight=weight)
    alpha = search.best_estimator_[-1].alpha
    direct = make(alpha=alpha).fit(X, y, sample_weight=weight)
    unweighted = make(alpha=alpha).fit(X, y)
    for weights, same, other in zip(
        search.best_estimator_[-1].coefs_,
        direct.coefs_,
        unweighted.coefs_,
        strict=True,
    ):
        assert_array_equal(weights, same)
        assert not np.allclose(weights, other)
    assert search.score(X, y, sample_weight=weight) == direct.score(X, y, weight)


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_refused():
    with pytest.raises(ValueError, match="sample_weight"):
        cross_validate(classifier(), *IRIS, params={"sample_weight": np.ones(150)})


# --------------------------------------------------------------------------- storage


def through_joblib(estimator, path):
    joblib.dump(estimator, path / "estimator.joblib")
    return joblib.load(path / "estimator.joblib", mmap_mode="r")


COPIES = {
    "pickle": lambda estimator, path: pickle.loads(pickle.dumps(estimator)),
    "joblib": through_joblib,
    "deepcopy": lambda estimator, path: copy.deepcopy(estimator),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_copy_predicts_the_same_and_is_independent(name, way, tmp_path):
    make, (X, y) = PROBLEMS[name]
    estimator = make().fit(X, y)
    twin = COPIES[way](estimator, tmp_path)
    expected = estimator.predict(X)
    assert_array_equal(twin.predict(X), expected)
    for ours, theirs in zip(twin.coefs_, estimator.coefs_, strict=True):
        assert_array_equal(ours, theirs)
        assert not np.shares_memory(ours, theirs)
    twin.coefs_ = [np.zeros_like(weights) for weights in twin.coefs_]
    assert_array_equal(estimator.predict(X), expected)
    assert not np.array_equal(twin.predict(X), expected)


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "adam", "random_state": 0},
        {"solver": "sgd", "random_state": 0},
        {"solver": "adam", "random_state": np.random.RandomState(0)},
        {"solver": "sgd", "learning_rate": "adaptive", "random_state": 0},
        {"solver": "sgd", "learning_rate": "invscaling", "random_state": 0},
    ],
    ids=["adam", "sgd", "RandomState", "adaptive", "invscaling"],
)
@pytest.mark.parametrize("way", COPIES)
def test_partial_fit_goes_on_from_a_copy_bit_for_bit(way, params, tmp_path):
    X, y = IRIS
    # A generator as random_state moves on as it is used: each fit gets its own.
    own = {"batch_size": 32, "learning_rate_init": 0.001}
    estimator = classifier(**copy.deepcopy(params), **own)
    for _ in range(3):
        estimator.partial_fit(X, y, classes=[0, 1, 2])
    twin = COPIES[way](estimator, tmp_path)
    for _ in range(3):
        estimator.partial_fit(X, y)
        twin.partial_fit(X, y)
    at_once = classifier(**copy.deepcopy(params), **own, max_iter=6).fit(X, y)
    for trained in (estimator, twin):
        assert_array_equal(trained.predict_proba(X), at_once.predict_proba(X))
        assert trained.loss_curve_ == at_once.loss_curve_
        assert trained.n_iter_ == 6


def test_partial_fit_leaves_the_file_that_it_was_read_from_unchanged(tmp_path):
    X, y = IRIS
    estimator = classifier(solver="adam").partial_fit(X, y, classes=[0, 1, 2])
    twin = through_joblib(estimator, tmp_path)
    stored = (tmp_path / "estimator.joblib").read_bytes()
    twin.partial_fit(X, y)
    assert (tmp_path / "estimator.joblib").read_bytes() == stored


@pytest.mark.parametrize("way", COPIES)
def test_warm_start_goes_on_from_a_copy_bit_for_bit(way, tmp_path):
    X, y = IRIS
    estimator = classifier(solver="adam", warm_start=True, max_iter=3).fit(X, y)
    twin = COPIES[way](estimator, tmp_path)
    assert_array_equal(
        twin.fit(X, y).predict_proba(X), estimator.fit(X, y).predict_proba(X)
    )


def test_a_clone_fits_the_same():
    X, y = IRIS
    estimator = classifier(solver="adam").fit(X, y)
    assert_array_equal(
        clone(estimator).fit(X, y).predict_proba(X), estimator.predict_proba(X)
    )


def test_pickle_holds_plain_state_only():
    estimator = classifier(solver="adam").fit(*IRIS)
    names = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            names.add(f"{module}.{name}")
            return super().find_class(module, name)

    Unpickler(io.BytesIO(pickle.dumps(estimator))).load()
    ours = {name for name in names if name.startswith("skann")}
    assert ours == {"skann.estimators.classifier.BackpropClassifier"}


# ------------------------------------------------------------------------ inspection


def test_permutation_importance_finds_the_column_that_matters():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["noise", "signal", "weak"])
    y = 3 * X["signal"] + 0.5 * X["weak"]
    result = permutation_importance(
        regressor().fit(X, y), X, y, n_repeats=3, random_state=0
    )
    noise, signal, weak = result.importances_mean
    assert signal > 10 * weak > 10 * abs(noise)


def test_partial_dependence_of_a_linear_network_is_its_folded_weight():
    X, y = DIABETES
    network = regressor(hidden_layer_sizes=()).fit(X, y)
    dependence = partial_dependence(network, X, [2], kind="average", method="brute")
    grid, average = dependence["grid_values"][0], dependence["average"][0]
    slopes = np.diff(average) / np.diff(grid)
    assert_allclose(slopes, network.fold_scaling()[0][0][2, 0], rtol=1e-8)


@pytest.mark.parametrize(
    "response_method", ["predict", "predict_proba", "decision_function"]
)
def test_decision_boundary_display_draws_the_response(response_method):
    X, y = IRIS[0][:, :2], (IRIS[1] > 0).astype(int)
    network = classifier().fit(X, y)
    display = DecisionBoundaryDisplay.from_estimator(
        network, X, grid_resolution=15, response_method=response_method
    )
    points = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    expected = getattr(network, response_method)(points)
    if response_method == "predict_proba":
        expected = expected[:, 1]
    assert_array_equal(display.response.ravel(), expected)
    assert len(np.unique(expected)) > 1
    plt.close(display.figure_)
