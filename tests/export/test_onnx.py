"""ONNX models compute what estimators do, in onnxruntime and in the reference."""

from itertools import product

import numpy as np
import pytest
from exported import ACTIVATIONS, SCALINGS, SHAPES, TARGETS, fitted, inputs_for
from numpy.testing import assert_allclose
from onnx_runs import DTYPES, RUNTIMES, by_onnxruntime, onnx, require_equal
from sklearn.exceptions import NotFittedError

from skann import BackpropClassifier, BackpropRegressor, HiddenActivation
from skann.core.layers.layer import Layer
from skann.export import to_onnx, to_sklearn
from skann.export.onnx_graph.outputs import labels_as_tensor


def check(estimator, X, dtype, *runtimes, opset=None):
    """Compare a model with the estimator that it was made of."""
    model = to_onnx(estimator, dtype=dtype, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    X = X.astype(dtype)
    narrow = "float32" in (dtype, estimator.dtype)
    for runtime in runtimes:
        outputs = RUNTIMES[runtime](model)(X)
        assert outputs[-1].dtype == X.dtype
        require_equal(estimator, X, outputs, narrow=narrow)


def each_pair():
    """Return cases in which each two options of three kinds meet, in both dtypes."""
    return [
        (target, activation, SCALINGS[(row + column) % len(SCALINGS)], dtype)
        for row, target in enumerate(TARGETS)
        for column, activation in enumerate(ACTIVATIONS)
        for dtype in DTYPES
    ]


@pytest.mark.every(5)
@pytest.mark.parametrize(("target", "activation", "scaling", "fit_dtype"), each_pair())
def test_the_model_computes_what_the_estimator_does(
    target, activation, scaling, fit_dtype
):
    estimator = fitted(target, activation, scaling, fit_dtype)
    for dtype in DTYPES:
        check(estimator, inputs_for(scaling), dtype, *RUNTIMES)


@pytest.mark.every(11)
@pytest.mark.parametrize(
    ("shape", "target", "scaling", "fit_dtype"),
    list(product(SHAPES, TARGETS, ["standard", "bounded", None], DTYPES)),
)
def test_so_do_members_and_cosines(shape, target, scaling, fit_dtype):
    estimator = fitted(target, "silu", scaling, fit_dtype, shape)
    for dtype in DTYPES:
        check(estimator, inputs_for(scaling), dtype, *RUNTIMES)


@pytest.mark.parametrize("opset", [13, 17, 18, 22])
@pytest.mark.parametrize("target", ["three strings", "quantiles"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_set_of_operators_from_13_on(opset, target, runtime):
    estimator = fitted(target, "gelu", "bounded", "float64", "members of two groups")
    check(estimator, inputs_for("bounded"), "float64", runtime, opset=opset)


@pytest.mark.parametrize("n_rows", [0, 1, 2])
@pytest.mark.parametrize(
    "target", ["three strings", "two classes", "labels", "quantiles"]
)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_small_batches_and_empty_ones(n_rows, target, runtime):
    estimator = fitted(target, "silu", "bounded", "float32", "members of two groups")
    model = to_onnx(estimator, dtype="float64")
    X = inputs_for("bounded")[:n_rows]
    outputs = RUNTIMES[runtime](model)(X)
    assert all(len(output) == n_rows for output in outputs)
    if n_rows:
        require_equal(estimator, X, outputs, narrow=True)
    else:
        assert outputs[-1].shape[1] == len(getattr(estimator, "classes_", "abc"))


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", ["plain", "members of two groups"])
@pytest.mark.parametrize("target", ["strings", "one target", "one class"])
def test_what_is_not_finite_is_refused(scaling, dtype, shape, target):
    estimator = fitted(target, "relu", scaling, "float64", shape)
    X = inputs_for(scaling)[:3].astype(dtype)
    run = by_onnxruntime(to_onnx(estimator, dtype=dtype))
    run(X)
    for value in (np.nan, np.inf, -np.inf):
        X[1, 2] = value
        if np.isnan(value) and scaling is not None:  # the centre of its column
            require_equal(estimator, X, run(X), narrow=dtype == "float32")
            continue
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            estimator.predict(X)
        with pytest.raises(Exception, match="X_or_the_output_for_it_is_not_finite"):
            run(X)


@pytest.mark.parametrize(
    "target", ["two classes", "three classes", "independent", "labels"]
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_probabilities_that_saturate_stay_inside_the_unit_interval(
    target, dtype, runtime
):
    estimator = fitted(target, "relu", None, dtype)
    X = inputs_for(None) * 1e4
    check(estimator, X, dtype, runtime)
    model = to_onnx(estimator, dtype=dtype)
    tails = RUNTIMES[runtime](model)(X.astype(dtype))[1]
    expected = estimator.predict_proba(X.astype(dtype))
    far = expected < 1e-10
    assert far.any()
    assert_allclose(np.log(tails[far]), np.log(expected[far]), rtol=1e-3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ranks_of_ties_and_of_cells_outside(runtime):
    estimator = fitted("one target", "tanh", "bounded", "float64", "cosines")
    known = inputs_for("bounded")
    step = np.diff(np.sort(known, axis=0), axis=0).max(axis=0)
    X = np.concatenate([known, known + step / 3, known * 1.5, -known, known * 1e6])
    check(estimator, X, "float64", runtime)


def test_a_column_without_spread_between_its_outer_quantiles():
    random_state = np.random.RandomState(0)
    X = np.c_[random_state.randint(2, size=300), random_state.randn(300)] * 1.0
    estimator = BackpropRegressor(
        (3,), scaling="bounded", n_frequencies=1, solver="lbfgs", random_state=0
    ).fit(X, X[:, 1])
    X = np.c_[np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), np.zeros(5)]
    check(estimator, X, "float64", "onnxruntime")


@pytest.mark.parametrize(
    "params", [{"scaling": "minmax"}, {"scaling": "bounded", "n_frequencies": 1}]
)
def test_numbers_that_nearly_overflow(params):
    X = np.array([[-1.5e308, 1.0], [1.2e308, 2.0], [0.0, 3.0]] * 10)
    estimator = BackpropRegressor((3,), max_iter=3, random_state=0, **params)
    with pytest.warns(match="Maximum iterations"):
        estimator.fit(X, X[:, 1])
    check(estimator, X, "float64", "onnxruntime")


def test_float32_inputs_and_outputs_are_the_default_for_float32_data():
    X = inputs_for("standard").astype(np.float32)
    estimator = BackpropClassifier((4,), solver="lbfgs", random_state=0)
    estimator.fit(X, TARGETS["two classes"][2])
    for model, expected in (
        (to_onnx(estimator), onnx.TensorProto.FLOAT),
        (to_onnx(fitted("two classes")), onnx.TensorProto.DOUBLE),
    ):
        assert model.graph.input[0].type.tensor_type.elem_type == expected
        assert model.graph.output[1].type.tensor_type.elem_type == expected
        assert [output.name for output in model.graph.output] == [
            "label",
            "probabilities",
        ]


class Cube(HiddenActivation):
    """An activation that skann does not have."""

    def apply(self, pre_activation, out):
        np.power(pre_activation, 3, out=out)

    def apply_with_slope(self, pre_activation, slope):
        np.multiply(3, pre_activation**2, out=slope)
        np.power(pre_activation, 3, out=pre_activation)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dtype": "float16"}, "dtype must be"),
        ({"dtype": np.float32}, "dtype must be"),
        ({"opset": 12}, "opset must be an int of at least 13"),
        ({"opset": 18.0}, "opset must be an int of at least 13"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(fitted("one target"), **params)


def test_what_cannot_be_expressed_is_refused():
    weights = [np.ones((2, 3)), np.ones((3, 1))], [np.zeros(3), np.zeros(1)]
    own = BackpropRegressor.from_weights(*weights, activation=Cube())
    with pytest.raises(ValueError, match="to_onnx does not support the custom"):
        to_onnx(own)
    for classes in ([0.5, 1.5], [b"a", b"b"]):
        with pytest.raises(ValueError, match="integers or strings"):
            labels_as_tensor(np.array(classes))
    with pytest.raises(NotFittedError):
        to_onnx(BackpropRegressor())


def test_a_layer_that_nobody_knows_is_refused(monkeypatch):
    from skann.export.onnx_graph import layers

    assert set(layers.LAYERS) <= set(Layer.__subclasses__()) | {*layers.LAYERS}
    monkeypatch.setattr(layers, "LAYERS", {})
    with pytest.raises(ValueError, match="does not support Dense layers"):
        to_onnx(fitted("one target"))


def test_weights_by_hand_leave_as_well():
    by_hand = BackpropRegressor.from_weights([[[1.0], [2.0]]], [[0.5]])
    outputs = by_onnxruntime(to_onnx(by_hand))(np.array([[1.0, 1.0]]))
    assert_allclose(outputs[0], [[3.5]])


def test_a_part_of_a_model_that_nobody_knows_is_refused(monkeypatch):
    from skann.export import parts

    monkeypatch.setattr(parts, "KNOWN_PARTS", ("architecture", "theta", "inputs"))
    for export in (to_onnx, to_sklearn):
        with pytest.raises(ValueError, match="has 'targets', which cannot be exported"):
            export(fitted("one target"))
