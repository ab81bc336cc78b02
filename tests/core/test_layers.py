"""Each kind of layer alone: its gradient, its memory, and what it leaves alone.

A new kind of layer is a row of `LAYERS`.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import approx_fprime

from skann.core.activations import HIDDEN_ACTIVATIONS, LeakyRelu
from skann.core.layers.beside import Beside, Plain
from skann.core.layers.categories import CODE_STEP, Categories
from skann.core.layers.dense import Dense
from skann.core.layers.layer import Arrays
from skann.core.layers.periodic import Periodic
from skann.core.layers.recent import Recent
from skann.core.parameters import ParameterLayout

N_ROWS = 5

# Each layer, whether it passes a gradient on, and whether a generator changes it.
LAYERS = {
    "raw output": (Dense(4, 3), True, False),
    "one raw output": (Dense(4, 1), True, False),
    **{
        name: (Dense(4, 3, activation), True, False)
        for name, activation in HIDDEN_ACTIVATIONS.items()
    },
    "leaky": (Dense(4, 6, LeakyRelu(0.2)), True, False),
    "one unit": (Dense(4, 1, HIDDEN_ACTIVATIONS["tanh"]), True, False),
    "dropout": (Dense(4, 8, HIDDEN_ACTIVATIONS["tanh"], dropout=0.4), True, True),
    "dropout, gelu": (Dense(4, 8, HIDDEN_ACTIVATIONS["gelu"], dropout=0.2), True, True),
    "cosines": (Periodic(4, 3, 0.2), False, False),
    "one cosine": (Periodic(4, 1, 0.2), False, False),
    "cosines beside others": (Beside(2, Periodic(2, 3, 0.2)), False, False),
    "cosines, and recent rows": (
        Beside(1, Recent(Periodic(3, 2, 0.2))), False, False,
    ),
    "vectors": (Categories((3, 70), Plain(2)), False, True),
    "vectors alone": (Categories((30,), Plain(0)), False, True),
    "vectors beside cosines": (
        Categories((3,), Beside(1, Periodic(2, 3, 0.2))), False, True,
    ),
}  # fmt: skip
all_layers = pytest.mark.parametrize(
    ("layer", "passes_on", "draws"), LAYERS.values(), ids=LAYERS
)
CONTAINERS = {"dense": np.asarray, "sparse": sparse.csr_array}


class Alone:
    """A layer with its parameters in one vector, and a random sum of its output."""

    def __init__(self, layer, n_rows=N_ROWS, dtype="float64", generator_seed=None):
        random_state = np.random.RandomState(0)
        self.layer = layer
        self.layout = ParameterLayout([layer.segments])
        self.theta = random_state.uniform(-1, 1, self.layout.n_parameters)
        self.theta = self.theta.astype(dtype)
        self.X = random_state.randn(n_rows, layer.n_in).astype(dtype)
        self.X[random_state.uniform(size=self.X.shape) < 0.3] = 0
        for column, n in enumerate(getattr(layer, "n_levels", ())):
            codes = random_state.randint(n + 1, size=n_rows)
            self.X[:, column] = codes * CODE_STEP
        self.weight = random_state.randn(n_rows, layer.n_out).astype(dtype)
        self.memory = layer.memory(n_rows, Arrays(dtype))
        self.generator_seed = generator_seed

    def forward(self, theta=None, X=None):
        (parameters,) = self.layout.values(self.theta if theta is None else theta)
        seed = self.generator_seed
        return self.layer.forward(
            parameters,
            self.X if X is None else X,
            self.memory,
            with_slopes=True,
            generator=None if seed is None else np.random.default_rng(seed),
        )

    def value(self, theta=None, X=None):
        return float((self.forward(theta, X) * self.weight).sum())

    def backward(self, X, passes_on):
        """Return the gradients of theta and of the input."""
        gradient = np.full_like(self.theta, np.nan)
        delta = self.memory.output
        delta[...] = self.weight
        below = self.layer.backward(
            self.layout.values(self.theta)[0],
            X,
            delta,
            self.memory,
            self.layout.views(gradient)[0],
            passes_on,
        )
        self.layout.multiply_by_rates(gradient)
        return gradient, below


def differentiate(function, point):
    """Return the derivative by central differences."""
    sides = [approx_fprime(point, function, step) for step in (1e-6, -1e-6)]
    return sum(sides) / 2


@pytest.mark.parametrize("n_rows", [1, N_ROWS])
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("seed", [None, 7], ids=["", "with mask"])
@all_layers
def test_the_gradient_is_that_of_finite_differences(
    layer, passes_on, draws, container, n_rows, seed
):
    alone = Alone(layer, n_rows, generator_seed=seed)
    X = container(alone.X)
    expected = differentiate(lambda theta: alone.value(theta, X), alone.theta)
    passes_on = passes_on and container is np.asarray
    if passes_on:
        of_input = differentiate(
            lambda x: alone.value(X=x.reshape(alone.X.shape)), alone.X.ravel()
        )
    alone.forward(X=X)
    mine = X.copy()
    gradient, below = alone.backward(mine, passes_on)
    size = np.abs(gradient).max()
    assert size > 0.1, "a gradient of zero proves nothing"
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8 * size)
    if passes_on:
        assert below is mine
        assert_allclose(below.ravel(), of_input, rtol=1e-6, atol=1e-8)
    else:
        assert below is None
        assert abs(mine - X).max() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@all_layers
def test_all_numbers_have_the_dtype_of_the_parameters(layer, passes_on, draws, dtype):
    alone = Alone(layer, dtype=dtype, generator_seed=3)
    output = alone.forward()
    assert output is alone.memory.output
    gradient, below = alone.backward(alone.X.copy(), passes_on)
    arrays = [a for a in vars(alone.memory).values() if isinstance(a, np.ndarray)]
    assert {a.dtype.name for a in (output, gradient, *arrays)} == {dtype}
    assert np.isfinite(gradient).all()
    assert below is None or below.dtype == dtype
    assert output.shape == (N_ROWS, layer.n_out)


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@all_layers
def test_no_rows_have_no_gradient(layer, passes_on, draws, container):
    alone = Alone(layer, n_rows=0)
    X = container(alone.X)
    assert alone.forward(X=X).shape == (0, layer.n_out)
    gradient, _ = alone.backward(X, passes_on=False)
    assert_array_equal(gradient, 0)


@all_layers
def test_slopes_and_copies_change_nothing(layer, passes_on, draws):
    alone = Alone(layer)
    training = alone.forward().copy()
    (parameters,) = alone.layout.values(alone.theta)
    memory = layer.memory(N_ROWS, Arrays("float64"), keep=True)
    # A generator without slopes is for nothing: predictions leave out nothing.
    for generator in (None, np.random.default_rng(0)):
        predicted = layer.forward(parameters, alone.X, memory, generator=generator)
        assert_array_equal(predicted, training)
    assert memory.kept.keys() == {"input", "pre_activation", "activation"}
    assert_array_equal(memory.kept["activation"], training)
    assert_array_equal(memory.kept["input"], alone.X)
    for array in memory.kept.values():
        assert not np.shares_memory(array, memory.output)


@all_layers
def test_memory_for_fewer_rows_is_a_part_of_the_same(layer, passes_on, draws):
    arrays = Arrays("float64")
    large, small = layer.memory(N_ROWS, arrays), layer.memory(2, arrays)
    for name, array in vars(large).items():
        if isinstance(array, np.ndarray):
            part = vars(small)[name]
            assert np.shares_memory(part, array)
            assert part.flags.forc  # contiguous, in one order or the other


@all_layers
def test_draws_are_values_of_the_segments(layer, passes_on, draws):
    values = layer.draw("auto", np.random.RandomState(0))
    assert [a.shape for a in values] == [s.shape for s in layer.segments]
    again = layer.draw("auto", np.random.RandomState(0))
    for a, b in zip(values, again, strict=True):
        assert_array_equal(a, b)


def test_raw_output_is_in_fortran_order_and_hidden_output_is_not():
    for layer, order in [(LAYERS["raw output"][0], "F"), (LAYERS["tanh"][0], "C")]:
        output = layer.memory(N_ROWS, Arrays("float64")).output
        assert output.flags[f"{order}_CONTIGUOUS"]
        assert not output.flags["C" if order == "F" else "F"]


def test_dropout_of_a_dense_layer_is_drawn_anew():
    layer = LAYERS["dropout"][0]
    generator = np.random.default_rng(0)
    alone = Alone(layer)
    (parameters,) = alone.layout.values(alone.theta)
    masks = []
    for _ in range(2):
        layer.forward(parameters, alone.X, alone.memory, True, generator)
        masks.append(alone.memory.slope == 0)
    assert (masks[0] != masks[1]).any()
