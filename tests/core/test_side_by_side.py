"""Members side by side are as many separate networks, and their mean is one output."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import approx_fprime

from skann.core.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS
from skann.core.blocks import make_workspaces, map_outputs
from skann.core.dropout import MOST_CUT, N_DRAWN, leave_out
from skann.core.layers.beside import Beside, Plain
from skann.core.layers.categories import CODE_STEP, Categories
from skann.core.layers.periodic import Periodic
from skann.core.losses import make_loss
from skann.core.members import GROUP_SIZE, groups_in, groups_of, mean_of_members
from skann.core.network import Network, Workspace, rows_of_members
from skann.core.objective import Objective
from skann.data.centered import CenteredSparse

N_ROWS, N_INPUTS = 6, 4

# Each network, and whether it takes the ranks of its inputs as well.
NETWORKS = {
    **{name: (Network((4, 5, 3), name), False) for name in HIDDEN_ACTIVATIONS},
    "no hidden layer": (Network((4, 3), "tanh"), False),
    "one output": (Network((4, 5, 1), "tanh"), False),
    "one unit": (Network((4, 1, 1), "tanh"), False),
    "two hidden layers": (Network((4, 6, 5, 2), ["silu", "tanh"]), False),
    "cosines": (Network((4, 5, 3), "silu", Periodic(4, 3, 0.2)), False),
    "cosines alone": (Network((4, 2), "tanh", Periodic(4, 1, 0.2)), False),
    "cosines of ranks": (Network((4, 5, 3), "silu", Periodic(4, 3, 0.2)), True),
    "vectors": (Network((4, 5, 3), "silu", Categories((9, 20), Plain(2))), False),
    "vectors beside cosines": (
        Network((4, 5, 3), "silu", Categories((20,), Beside(1, Periodic(2, 3, 0.2)))),
        False,
    ),
}
all_networks = pytest.mark.parametrize(
    ("network", "ranked"), NETWORKS.values(), ids=NETWORKS
)
CONTAINERS = {
    "dense": np.asarray,
    "sparse": sparse.csr_array,
    "centered": lambda X: CenteredSparse(
        sparse.csr_array(X), np.linspace(-1, 1, X.shape[1], dtype=X.dtype)
    ),
}
all_containers = pytest.mark.parametrize(
    "container", CONTAINERS.values(), ids=CONTAINERS
)
TOLERANCE = {"float32": {"rtol": 2e-4, "atol": 2e-4}, "float64": {"atol": 1e-12}}


def random_theta(network, n_members, dtype="float64"):
    """Return parameters of members whose values lie between -1 and 1."""
    random_state = np.random.RandomState(n_members)
    theta = random_state.uniform(-1, 1, (n_members, network.n_parameters))
    for part, rate in network.layout.rated:
        theta[:, part] /= rate
    for part in network.layout.shared:
        theta[1:, part] = theta[0, part]
    return theta.astype(dtype)


def make_inputs(network, n_members, *, ranked=False, dtype="float64", n_rows=N_ROWS):
    """Return X and a gradient with respect to the raw outputs."""
    random_state = np.random.RandomState(0)
    X = random_state.randn(n_rows, N_INPUTS * (1 + ranked))
    X[random_state.uniform(size=X.shape) < 0.3] = 0
    if isinstance(network.embedding, Categories):
        for column, n in enumerate(network.embedding.n_levels):
            X[:, column] = random_state.randint(n + 1, size=n_rows) * CODE_STEP
    delta = random_state.randn(n_members, n_rows, network.layer_sizes[-1])
    return X.astype(dtype), delta.astype(dtype)


def run_pass(network, theta, X, delta, workspace=None, generator=None):
    """Return raw outputs and gradient."""
    n_rows = X.shape[0]
    if workspace is None:
        workspace = Workspace(network, n_rows, theta.dtype, theta.shape[:-1])
    raw = network.forward(
        theta, X, workspace, with_slopes=True, generator=generator
    ).copy()
    workspace.buffers(n_rows).delta[...] = delta
    gradient = np.full_like(theta, np.nan)
    network.backward(theta, X, workspace, gradient)
    return raw, gradient


def run_separately(network, theta, X, delta, generators=None):
    """Return the same of one network after the other.

    The gradient of what members share is the mean of theirs.
    """
    generators = [None] * len(theta) if generators is None else generators
    results = [
        run_pass(network, *each[:1], X, each[1], generator=each[2])
        for each in zip(theta, delta, generators, strict=True)
    ]
    raw, gradient = (np.stack(arrays) for arrays in zip(*results, strict=True))
    for part in network.layout.shared:
        gradient[:, part] = gradient[:, part].mean(axis=0)
    return raw, gradient


# ------------------------------------------------------------------ the two passes


@pytest.mark.parametrize("n_members", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@all_containers
@all_networks
def test_members_are_separate_networks(network, ranked, container, dtype, n_members):
    is_dense = ranked or isinstance(network.embedding, Categories)
    if is_dense and container is not np.asarray:
        pytest.skip("ranks and codes are dense")
    theta = random_theta(network, n_members, dtype)
    X, delta = make_inputs(network, n_members, ranked=ranked, dtype=dtype)
    before = X.copy()
    raw, gradient = run_pass(network, theta, container(X), delta)
    expected, expected_gradient = run_separately(network, theta, container(X), delta)
    assert raw.dtype == gradient.dtype == dtype
    assert raw.shape == (n_members, N_ROWS, network.layer_sizes[-1])
    assert_allclose(raw, expected, **TOLERANCE[dtype])
    assert_allclose(gradient, expected_gradient, **TOLERANCE[dtype])
    assert_array_equal(X, before)
    assert_array_equal(theta, random_theta(network, n_members, dtype))
    for part in network.layout.shared:
        assert_array_equal(gradient[1:, part], gradient[:-1, part])


@all_networks
def test_predictions_of_members_need_no_slopes(network, ranked):
    theta = random_theta(network, 3)
    X, _ = make_inputs(network, 3, ranked=ranked)
    workspace = Workspace(network, N_ROWS, "float64", (3,))
    predicting = network.forward(theta, X, workspace).copy()
    training = network.forward(theta, X, workspace, with_slopes=True)
    assert_array_equal(training, predicting)


@all_containers
@all_networks
def test_no_rows_have_no_gradient(network, ranked, container):
    theta = random_theta(network, 3)
    X, delta = make_inputs(network, 3, n_rows=0)
    raw, gradient = run_pass(network, theta, container(X), delta)
    assert raw.shape == delta.shape
    assert_array_equal(gradient, 0)


PAIRS = [
    ("squared_error", "identity"),
    ("log_loss", "softmax"),
    ("log_loss", "logistic"),
    ("poisson", "exp"),
]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("name", ["tanh", "two hidden layers", "cosines"])
def test_the_gradient_of_the_summed_objective_is_that_of_finite_differences(name, pair):
    network, _ = NETWORKS[name]
    n_members, n_outputs = 3, network.layer_sizes[-1]
    objective = Objective(network, make_loss(*pair), alpha=0.7)
    X, _ = make_inputs(network, n_members)
    random_state = np.random.RandomState(5)
    target = np.eye(n_outputs)[random_state.randint(n_outputs, size=N_ROWS)]
    weight = random_state.uniform(0, 2, (n_members, N_ROWS))  # each has its own
    theta = random_theta(network, n_members)
    workspace = Workspace(network, N_ROWS, "float64", (n_members,))
    gradient = np.empty_like(theta)

    def value(flat):
        return objective.value_and_gradient(
            flat.reshape(theta.shape), X, np.tile(target, (n_members, 1)),
            weight.ravel(), float(N_ROWS), workspace, gradient,
        )  # fmt: skip

    flat = theta.ravel()
    found = approx_fprime(flat, value, 1e-6) + approx_fprime(flat, value, -1e-6)
    found = (found / 2).reshape(theta.shape)
    together = value(flat)
    expected = gradient.copy()
    for part in network.layout.shared:
        # Those of the first member are used, and their gradient is a mean.
        expected[0, part] *= n_members
        expected[1:, part] = 0
    assert np.abs(expected).max() > 0.1, "a gradient of zero proves nothing"
    assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    separately = [
        objective.value_and_gradient(
            member, X, target, its_weight, float(N_ROWS),
            Workspace(network, N_ROWS, "float64"), np.empty_like(member),
        )
        for member, its_weight in zip(theta, weight, strict=True)
    ]  # fmt: skip
    assert_allclose(together, sum(separately), rtol=1e-12)


# ------------------------------------------------------------------------- dropout


def generators(n_members):
    return [np.random.default_rng([7, number]) for number in range(n_members)]


class _Numbers:
    """A generator of given numbers."""

    def __init__(self, numbers):
        self.bit_generator = self
        self._numbers = iter(numbers)

    def random_raw(self):
        return next(self._numbers)


def generators_of_the_same_masks(generator, n_members, mask_sizes):
    """Return generators with which members alone leave out what they would together.

    Together `generator` draws the place of the first member's mask; the others follow.
    """
    places = [
        int(generator.bit_generator.random_raw() % (N_DRAWN - MOST_CUT))
        for _ in mask_sizes
    ]
    return [
        _Numbers(
            [
                place + number * size
                for place, size in zip(places, mask_sizes, strict=True)
            ]
        )
        for number in range(n_members)
    ]


def test_each_member_leaves_out_units_of_its_own():
    network = Network((4, 9, 8, 2), "tanh", dropout=[0.3, 0.5])
    theta = random_theta(network, 4)
    X, delta = make_inputs(network, 4)
    together, first = generators(4), generators(4)[0]
    for _ in range(2):
        alone = generators_of_the_same_masks(first, 4, [len(X) * 9, len(X) * 8])
        raw, gradient = run_pass(network, theta, X, delta, generator=together)
        expected = run_separately(network, theta, X, delta, alone)
        assert_allclose(raw, expected[0], atol=1e-12)
        assert_allclose(gradient, expected[1], atol=1e-12)
    plain, _ = run_pass(network, theta, X, delta)
    assert np.abs(raw - plain).max() > 0.1


def test_where_units_are_left_out_one_member_speaks_for_all_on_shared_cosines():
    network = Network((4, 9, 8, 2), "tanh", Periodic(4, 3, 0.2), dropout=[0.3, 0.5])
    theta = random_theta(network, 4)
    X, delta = make_inputs(network, 4)
    shared = np.concatenate(
        [np.arange(part.start, part.stop) for part in network.layout.shared]
    )
    own = np.setdiff1d(np.arange(network.n_parameters), shared)
    masks = generators_of_the_same_masks(generators(4)[0], 4, [len(X) * 9, len(X) * 8])
    # Members with equal cosines, each with its masks but alone.
    alone = np.stack(
        [
            run_pass(network, *each, generator=generator)[1]
            for *each, generator in zip(theta, [X] * 4, delta, masks, strict=True)
        ]
    )
    speakers = set()
    for seed in range(40):
        first, *others = generators(4)
        # Another number comes after the masks, which are those of the same numbers.
        places = [int(first.bit_generator.random_raw()) for _ in range(2)]
        numbers = np.random.RandomState(seed).randint(1000, size=9)
        together = [_Numbers([*places, *numbers]), *others]
        _, gradient = run_pass(network, theta, X, delta, generator=together)
        assert_allclose(gradient[:, own], alone[:, own], atol=1e-12)
        (speaker,) = [
            number
            for number in range(4)
            if np.allclose(gradient[0, shared], alone[number, shared], atol=1e-12)
        ]
        assert_array_equal(gradient[1:, shared], gradient[:1, shared].repeat(3, 0))
        speakers.add(speaker)
    assert speakers == set(range(4))


@pytest.mark.parametrize("n_units", [30, MOST_CUT // 50], ids=["together", "alone"])
def test_masks_of_members_differ(n_units):
    output = np.ones((3, 20, n_units))
    slope = output.copy()
    leave_out(output, slope, 0.5, generators(3))
    assert_array_equal(output, slope)
    assert (output[0] != output[1]).any()
    assert (output[1] != output[2]).any()


def test_there_is_a_generator_for_each_member():
    large = np.ones((3, 1, MOST_CUT // 2))
    with pytest.raises(ValueError, match="zip"):
        leave_out(large, large.copy(), 0.5, generators(2))


# ------------------------------------------------------------------------- memory


@all_networks
def test_one_workspace_serves_batches_of_different_sizes(network, ranked):
    theta = random_theta(network, 3)
    X, delta = make_inputs(network, 3, ranked=ranked)
    shared = Workspace(network, 4, "float64", (3,))
    for _ in range(2):
        for rows in (slice(0, 4), slice(4, 6), slice(2, 3)):
            part = X[rows], delta[:, rows]
            found = run_pass(network, theta, *part, shared)
            expected = run_pass(network, theta, *part)
            assert_array_equal(found[0], expected[0])
            assert_array_equal(found[1], expected[1])
    for a, b in zip(
        shared.buffers(4).memories, shared.buffers(2).memories, strict=True
    ):
        assert np.shares_memory(a.output, b.output)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_rows", [0, 1, 5])
@pytest.mark.parametrize("members", [(), (1,), (4,)], ids=str)
def test_rows_of_members_are_the_same_memory(members, n_rows, n_outputs):
    network = Network((4, 2, n_outputs), "tanh")
    workspace = Workspace(network, 5, "float64", members)
    outputs = workspace.buffers(n_rows).memories[-1].output
    outputs[...] = np.arange(outputs.size).reshape(outputs.shape)
    rows = rows_of_members(outputs)
    assert_array_equal(rows, outputs.reshape(-1, n_outputs))
    assert rows.flags.f_contiguous
    assert np.shares_memory(rows, outputs) or n_rows == 0


def test_a_workspace_follows_a_changed_and_a_replaced_theta():
    network, _ = NETWORKS["cosines"]
    X, delta = make_inputs(network, 3)
    workspace = Workspace(network, N_ROWS, "float64", (3,))
    theta = random_theta(network, 3)
    first = run_pass(network, theta, X, delta, workspace)
    theta *= 1.25  # in place, as an optimizer does
    changed = run_pass(network, theta, X, delta, workspace)
    assert_array_equal(changed[1], run_pass(network, theta, X, delta)[1])
    again = run_pass(network, random_theta(network, 3), X, delta, workspace)
    assert_array_equal(again[0], first[0])
    assert_array_equal(again[1], first[1])


@all_networks
def test_members_absorb_a_change_of_their_inputs_each(network, ranked):
    theta = random_theta(network, 3)
    change = np.array([0.5, 0.0, -1.0, 2.0]), np.array([1.0, 2.0, 0.5, 1.0])
    n_codes = len(getattr(network.embedding, "n_levels", ()))  # which never change
    change[0][:n_codes], change[1][:n_codes] = 0, 1
    together, alone = theta.copy(), theta.copy()
    network.absorb_input_change(together, *change)
    for member in alone:
        network.absorb_input_change(member, *change)
    assert_array_equal(together, alone)
    X, delta = make_inputs(network, 3)
    before, _ = run_pass(network, theta, X, delta)
    after, _ = run_pass(network, together, (X - change[0]) / change[1], delta)
    assert_allclose(after, before, atol=1e-12)


# ------------------------------------------------------------------------- groups


@pytest.mark.parametrize("n_members", range(1, 3 * GROUP_SIZE))
def test_groups_hold_every_member_once(n_members):
    groups = groups_of(n_members)
    assert [number for group in groups for number in group] == [*range(n_members)]
    assert {len(group) for group in groups[:-1]} <= {GROUP_SIZE}
    theta = np.arange(3.0 * n_members).reshape(n_members, 3)
    parts = groups_in(theta)
    assert [len(part) for part in parts] == [len(group) for group in groups]
    assert_array_equal(np.concatenate(parts), theta)
    assert all(np.shares_memory(part, theta) for part in parts)


def test_a_plain_network_is_a_group():
    theta = np.ones(3)
    (part,) = groups_in(theta)
    assert part is theta


@pytest.mark.parametrize("n_rows", [1, 999, 2500])
@pytest.mark.parametrize("n_members", [1, GROUP_SIZE, 2 * GROUP_SIZE + 1])
def test_outputs_of_all_members_are_mapped_block_by_block(n_members, n_rows):
    network, _ = NETWORKS["two hidden layers"]
    theta = random_theta(network, n_members)
    X, _ = make_inputs(network, n_members, n_rows=n_rows)
    found = map_outputs(lambda raw: raw.mean(axis=0), network, theta, X)
    each = [map_outputs(np.copy, network, member, X) for member in theta]
    assert_allclose(found, np.mean(each, axis=0), atol=1e-12)
    rows = np.arange(0, n_rows, 3)
    workspaces = make_workspaces(network, theta, min(rows.size, network.rows_per_block))
    some = map_outputs(
        lambda raw: raw.mean(axis=0), network, theta, X, rows, workspaces
    )
    assert_allclose(some, found[rows], atol=1e-12)


# ------------------------------------------------------------------------ the mean

OUTPUTS = ("identity", "logistic", "softmax", "exp", "relu", "tanh")
all_outputs = pytest.mark.parametrize("name", OUTPUTS)
all_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def predictions(name, raw):
    """Return what an output activation makes of raw outputs."""
    raw = raw.copy()
    for member in raw.reshape(-1, *raw.shape[-2:]):
        ACTIVATIONS[name].apply(member, out=member)
    return raw


@all_dtypes
@pytest.mark.parametrize("spread", [1e-3, 1.0, 5.0])
@pytest.mark.parametrize("shape", [(2, 5, 3), (8, 4, 2), (3, 1, 1)], ids=str)
@all_outputs
def test_the_mean_is_that_of_the_predictions(name, shape, spread, dtype):
    raw = (spread * np.random.RandomState(0).randn(*shape)).astype(dtype)
    before = raw.copy()
    mean = mean_of_members(raw, name)
    assert mean.dtype == dtype
    assert mean.shape == shape[1:]
    expected = predictions(name, raw).mean(axis=0)
    rtol, atol = (1e-4, 1e-6) if dtype == "float32" else (1e-11, 1e-14)
    assert_allclose(predictions(name, mean), expected, rtol=rtol, atol=atol)
    assert_array_equal(raw, before)


@all_dtypes
@pytest.mark.parametrize("n_members", [1, 2, 8])
@all_outputs
def test_members_of_one_mind_are_their_mean(name, n_members, dtype):
    raw = np.random.RandomState(1).randn(5, 3).astype(dtype) * 3
    mean = mean_of_members(np.stack([raw] * n_members), name)
    if name == "softmax":  # which knows raw outputs up to a constant
        mean = mean - mean[:, :1] + raw[:, :1]
    if name == "relu":
        raw = np.maximum(raw, 0)
    rtol = 1e-4 if dtype == "float32" else 1e-12
    assert_allclose(mean, raw, rtol=rtol, atol=rtol / 10)


@all_outputs
def test_without_members_there_is_nothing_to_average(name):
    raw = np.random.RandomState(2).randn(5, 3)
    assert mean_of_members(raw, name) is raw


@all_dtypes
@pytest.mark.parametrize("size", [30.0, 1e3, 1e30, "largest"])
@all_outputs
def test_extreme_outputs_have_a_finite_mean(name, size, dtype):
    size = np.finfo(dtype).max if size == "largest" else size
    signs = [
        [[1, -1]], [[1, 1]], [[-1, -1]], [[0, -1]], [[1, 0]],
        [[-0.5, 0.5]], [[-1, 0.25]], [[-1, 0]],
    ]  # fmt: skip
    for members in (signs, signs[2:3] * 4, signs[1:2] * 4, signs[:1], signs[:3]):
        raw = np.array(members, dtype) * np.array(size, dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            mean = mean_of_members(raw, name)
        assert np.isfinite(mean).all()
        if name != "softmax":  # between the smallest and the largest
            assert (mean <= np.maximum(raw.max(axis=0), 0)).all()
            assert (mean >= np.minimum(raw.min(axis=0), 0)).all()


@pytest.mark.parametrize("size", [50.0, 800.0, 1e5])
def test_opposite_members_are_undecided(size):
    raw = np.array([[[size]], [[-size]]])
    assert_allclose(mean_of_members(raw, "logistic"), 0, atol=1e-12)
    assert_allclose(mean_of_members(raw, "tanh"), 0, atol=1e-12)
    both = np.array([[[size, 0.0]], [[0.0, size]]])
    assert_allclose(mean_of_members(both, "softmax"), np.log([[0.5, 0.5]]))


def test_a_sure_member_leaves_some_doubt():
    # Probabilities of 1 and 1/2 are 3/4: the mean of raw outputs would be sure.
    mean = mean_of_members(np.array([[[1e3]], [[0.0]]]), "logistic")
    assert_allclose(mean, np.log(3))
    # Far out the probability is that of the least sure of four, a quarter of it.
    raw = np.array([[[-1e3]], [[-1e3]], [[-1e3]], [[-700.0]]])
    assert_allclose(mean_of_members(raw, "logistic"), -700 - np.log(4))
