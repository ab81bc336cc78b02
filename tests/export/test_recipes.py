"""The recipes of the page about deployment that need what is not always installed."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "deployment.md"
X, y = load_breast_cancer(return_X_y=True)


def run_recipe(package, **names):
    """Run the block of the page that imports a package, and return its names."""
    blocks = re.findall(r"(?ms)^```\{code-block\} python\n(.*?)^```", PAGE.read_text())
    (block,) = [block for block in blocks if f"import {package}\n" in block]
    names = {"X": X, "__name__": "__main__", **names}
    exec(compile(block, str(PAGE), "exec"), names)
    return names


def plain(**params):
    params = {"solver": "lbfgs", "random_state": 0, **params}
    return BackpropClassifier((20,), **params).fit(X, y)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_skl2onnx():
    pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pipeline = make_pipeline(StandardScaler(), plain()).fit(X, y)
    model = run_recipe("skl2onnx", pipeline=pipeline)["model"]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    probabilities = session.run(None, {"X": X})[1]
    assert_allclose(probabilities, pipeline.predict_proba(X), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore")  # mlflow has many warnings of its own
def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    classifier = plain()
    names = run_recipe("mlflow", classifier=classifier)
    for loaded in (names["loaded"], names["served"]):
        assert_array_equal(loaded.predict(X), classifier.predict(X))
    needed = Path(mlflow.pyfunc.get_model_dependencies(names["info"].model_uri))
    assert "skann" in needed.read_text().split()


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
def test_torch(activation):
    pytest.importorskip("torch")
    classifier = plain(activation=activation)
    to_torch = run_recipe("torch", plain=plain())["to_torch"]
    import torch

    logits = to_torch(classifier, activation)(torch.from_numpy(X)).detach().numpy()
    expected = classifier.decision_function(X)
    assert_allclose(logits[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_the_recipe_for_torch_gives_logits():
    pytest.importorskip("torch")
    classifier = plain()
    logits = run_recipe("torch", plain=classifier)["logits"]
    assert_array_equal(np.asarray(logits) > 0, classifier.predict(X) == 1)
