"""The same fit by skann, by scikit-learn, by PyTorch, and its bare matrix products."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skann import BackpropClassifier

# PyTorch is large: it is imported where it is timed.
HAS_TORCH = find_spec("torch") is not None


@dataclass(frozen=True)
class Shape:
    """A network and how it is trained."""

    layer_sizes: tuple[int, ...]
    batch_size: int
    n_samples: int
    n_epochs: int

    def __str__(self):
        return "-".join(map(str, self.layer_sizes)) + f", {self.batch_size}"

    @property
    def n_classes(self):
        return self.layer_sizes[-1]


SHAPES = [
    Shape((64, 30, 10), 200, 10_000, 40),
    Shape((30, 100, 2), 200, 10_000, 40),
    Shape((64, 100, 10), 32, 10_000, 10),
    Shape((30, 256, 256, 2), 200, 10_000, 6),
    Shape((784, 100, 10), 200, 10_000, 8),
    Shape((784, 512, 256, 10), 200, 10_000, 2),
]


def make_data(shape, dtype):
    """Return inputs and classes that a linear map of the inputs decides."""
    rng = np.random.default_rng(0)
    size = shape.n_samples, shape.layer_sizes[0]
    X = rng.standard_normal(size, dtype=np.dtype(dtype))
    scores = X @ rng.standard_normal((X.shape[1], shape.n_classes)).astype(dtype)
    return X, scores.argmax(axis=1)


def parameters(shape):
    """Return what both estimators are given; they train for exactly n_epochs."""
    return {
        "hidden_layer_sizes": shape.layer_sizes[1:-1],
        "batch_size": shape.batch_size,
        "max_iter": shape.n_epochs,
        "n_iter_no_change": shape.n_epochs,
        "random_state": 0,
    }


def estimator_fit(estimator, X, y):
    """Return a fit without the warning that it stopped before it converged."""

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(X, y)

    return fit


def skann_fit(shape, X, y):
    """Return a fit of skann's classifier to unscaled inputs, as the MLP takes them."""
    return estimator_fit(BackpropClassifier(scaling=None, **parameters(shape)), X, y)


def mlp_fit(shape, X, y):
    """Return a fit of scikit-learn's classifier."""
    return estimator_fit(MLPClassifier(**parameters(shape)), X, y)


def layer_sizes(shape):
    """Return the sizes of all layers: two classes share one output."""
    return (*shape.layer_sizes[:-1], shape.n_classes if shape.n_classes > 2 else 1)


def torch_fit(shape, X, y):
    """Return a fit by a plain PyTorch loop: minibatches, cross-entropy, fused Adam."""
    import torch

    sizes = layer_sizes(shape)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    loss_of = torch.nn.CrossEntropyLoss()
    if sizes[-1] == 1:
        targets = targets.to(inputs.dtype)[:, None]
        loss_of = torch.nn.BCEWithLogitsLoss()

    def fit():
        torch.manual_seed(0)
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [torch.nn.Linear(n_in, n_out, dtype=inputs.dtype)]
            layers += [torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(
            model.parameters(),
            lr=1e-3,
            weight_decay=1e-4 / shape.batch_size,
            fused=True,
        )
        for _ in range(shape.n_epochs):
            total = 0.0
            for rows in torch.randperm(shape.n_samples).split(shape.batch_size):
                optimizer.zero_grad()
                loss = loss_of(model(inputs[rows]), targets[rows])
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(rows)
        return total

    return fit


def floor_fit(shape, dtype):
    """Return the matrix products of the fit alone, into arrays made beforehand."""
    sizes = layer_sizes(shape)
    rng = np.random.default_rng(0)

    def draw(*size):
        return rng.standard_normal(size).astype(dtype)

    X = draw(shape.batch_size, sizes[0])
    weights = [draw(n_in, n_out) for n_in, n_out in pairwise(sizes)]
    outputs = [draw(shape.batch_size, size) for size in sizes[1:]]
    deltas = [draw(shape.batch_size, size) for size in sizes[1:]]
    gradients = [np.empty_like(weight) for weight in weights]
    n_steps = shape.n_epochs * -(-shape.n_samples // shape.batch_size)

    def fit():
        for _ in range(n_steps):
            layer_input = X
            for weight, output in zip(weights, outputs, strict=True):
                np.dot(layer_input, weight, out=output)
                layer_input = output
            for layer in range(len(weights) - 1, -1, -1):
                layer_input = outputs[layer - 1] if layer else X
                np.dot(layer_input.T, deltas[layer], out=gradients[layer])
                if layer:
                    np.dot(deltas[layer], weights[layer].T, out=deltas[layer - 1])

    return fit
