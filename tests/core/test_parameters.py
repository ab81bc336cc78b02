"""Theta is covered once by its segments, the penalised ones first."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.core.layers.periodic import Periodic
from skann.core.network import Network
from skann.core.parameters import ParameterLayout, ParameterValues, Segment

LAYOUTS = {
    "one layer": [[Segment("W", (3, 2), penalised=True), Segment("b", (2,))]],
    "nothing penalised": [[Segment("b", (2, 3))], [Segment("c", (4,))]],
    "free layer first": [
        [Segment("f", (3,), rate=40.0), Segment("g", (2, 2), rate=4.0)],
        [Segment("W", (3, 2), penalised=True), Segment("b", (2,))],
        [Segment("W", (2, 1), penalised=True), Segment("b", (1,))],
    ],
    "equal rates": [
        [Segment("f", (3,), rate=4.0), Segment("g", (2, 2), rate=4.0)],
        [Segment("b", (2,), rate=0.5), Segment("W", (3, 2, 2), penalised=True)],
    ],
    "a penalised rate": [[Segment("W", (3, 2), penalised=True, rate=2.0)]],
    "an empty segment": [[Segment("W", (0, 2), penalised=True), Segment("b", (2,))]],
}
all_layouts = pytest.mark.parametrize("layers", LAYOUTS.values(), ids=LAYOUTS)


@all_layouts
def test_views_cover_theta_once_penalised_first(layers):
    layout = ParameterLayout(layers)
    theta = np.arange(float(layout.n_parameters))
    views = layout.views(theta)
    assert [[a.shape for a in v] for v in views] == [
        [s.shape for s in x] for x in layers
    ]
    numbers = np.concatenate([a.ravel() for arrays in views for a in arrays])
    assert_array_equal(np.sort(numbers), theta)
    flags = np.zeros(theta.size, bool)
    flags[layout.penalised] = True
    for segments, arrays in zip(layout.layers, views, strict=True):
        for segment, array in zip(segments, arrays, strict=True):
            assert_array_equal(array, segment.view(theta))
            assert np.shares_memory(array, theta) or array.size == 0
            assert (flags[array.astype(int)] == segment.penalised).all()


@all_layouts
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_theta_holds_values_divided_by_rates(layers, dtype):
    layout = ParameterLayout(layers)
    random_state = np.random.RandomState(0)
    values = [[random_state.randn(*s.shape) for s in segments] for segments in layers]
    theta = layout.pack(values, dtype)
    assert theta.dtype == dtype
    assert theta.shape == (layout.n_parameters,)
    found = layout.values(theta)
    for segments, mine, theirs, views in zip(
        layers, found, values, layout.views(theta), strict=True
    ):
        for segment, a, b, view in zip(segments, mine, theirs, views, strict=True):
            assert a.dtype == dtype
            assert_allclose(a, b, rtol=1e-6)
            assert_allclose(view * segment.rate, b, rtol=1e-6)


@all_layouts
def test_the_gradient_is_that_of_the_change_of_variables(layers):
    layout = ParameterLayout(layers)
    gradient = np.ones(layout.n_parameters)
    layout.multiply_by_rates(gradient)
    for segments in layout.layers:
        for segment in segments:
            assert_array_equal(segment.view(gradient), segment.rate)


@all_layouts
def test_values_follow_theta_in_the_same_memory(layers):
    layout = ParameterLayout(layers)
    theta = np.ones(layout.n_parameters)
    values = ParameterValues(layout, theta)
    before = [array for arrays in values.layers for array in arrays]
    theta *= 3
    values.refresh()
    after = [array for arrays in values.layers for array in arrays]
    segments = [segment for each in layout.layers for segment in each]
    for segment, a, b in zip(segments, before, after, strict=True):
        assert a is b
        assert_array_equal(b, 3 * segment.rate)


@all_layouts
@pytest.mark.parametrize("n_members", [1, 3])
def test_members_have_an_axis_in_front(layers, n_members):
    layout = ParameterLayout(layers)
    theta = np.arange(float(n_members * layout.n_parameters)).reshape(n_members, -1)
    views, values = layout.views(theta), layout.values(theta)
    for number, member in enumerate(theta):
        for found, alone in [
            (views, layout.views(member)),
            (values, layout.values(member)),
        ]:
            for mine, theirs in zip(found, alone, strict=True):
                for a, b in zip(mine, theirs, strict=True):
                    assert_array_equal(a[number], b)
    for arrays in views:
        for array in arrays:
            assert np.shares_memory(array, theta) or array.size == 0
    gradient = np.ones_like(theta)
    layout.multiply_by_rates(gradient)
    for member in gradient[1:]:
        assert_array_equal(member, gradient[0])


@pytest.mark.parametrize("members", [(), (4,)], ids=["", "members"])
def test_values_of_members_follow_theta_in_the_same_memory(members):
    layout = ParameterLayout(LAYOUTS["free layer first"])
    theta = np.ones((*members, layout.n_parameters))
    values = ParameterValues(layout, theta)
    (factors, _), *_ = values.layers
    theta *= 3
    values.refresh()
    assert values.layers[0][0] is factors
    assert_array_equal(factors, np.full((*members, 3), 120.0))


def test_what_members_share_is_the_embedding():
    layout = Network((3, 4, 2), "tanh", Periodic(3, 2, 0.1)).layout
    assert layout.shared == [slice(layout.n_parameters - 15, layout.n_parameters)]
    assert Network((3, 4, 2), "tanh").layout.shared == []
    apart = [Segment("a", (2,), shared=True), Segment("b", (3,)), Segment("c", (1,))]
    apart[2] = apart[2]._replace(shared=True)
    assert ParameterLayout([apart]).shared == [slice(0, 2), slice(5, 6)]


def test_rates_of_neighbours_are_one_product():
    rates = ParameterLayout(LAYOUTS["equal rates"]).rated
    assert rates == [(slice(12, 14), 0.5), (slice(14, 21), 4.0)]


def test_a_network_holds_weights_biases_and_then_the_embedding():
    network = Network((3, 4, 2), "tanh", Periodic(3, 2, 0.1))
    n_biases, n_embedding = 6, 3 + 3 * 2 + 3 * 2
    assert network.layout.penalised == slice(0, network.n_weights)
    assert network.n_parameters == network.n_weights + n_biases + n_embedding
    theta = np.arange(float(network.n_parameters))
    first = network.n_weights + n_biases
    views = network.embedding_views(theta)
    assert_array_equal(
        np.concatenate([array.ravel() for array in views.values()]), theta[first:]
    )
    names = [network.parameter_name(index) for index in range(first, theta.size)]
    assert names == [f"embedding[{number}]" for number in range(n_embedding)]
    values = network.embedding_values(theta)
    assert list(values) == list(views)
    assert_array_equal(values["factors"], 40 * views["factors"])
    assert_array_equal(values["phases"], 4 * views["phases"])


def test_names_of_arrays_with_any_number_of_dimensions():
    layers = [
        [Segment("W", (2, 3, 2), True, attribute="coefs_")],
        [Segment("t", (2, 2), attribute="tables_")],
        [Segment("W", (2, 2, 1), True, attribute="coefs_")],
    ]
    layout = ParameterLayout(layers)
    assert layout.parameter_name(11) == "coefs_[0][1, 2, 1]"
    assert layout.parameter_name(14) == "coefs_[1][1, 0, 0]"
    assert layout.parameter_name(19) == "tables_[0][1, 1]"
    with pytest.raises(IndexError, match="20 parameters"):
        layout.parameter_name(20)


@pytest.mark.parametrize("n_wanted", [1, 20, 60, 10_000])
@pytest.mark.parametrize("embedding", [None, Periodic(40, 2, 0.1)], ids=["", "cosines"])
def test_spread_takes_some_of_each_array(n_wanted, embedding):
    network = Network((40, 30, 3), "tanh", embedding)
    layout = network.layout
    indices = layout.spread(n_wanted)
    n_arrays = 4 if embedding is None else 7
    assert_array_equal(indices, np.unique(indices))
    wanted = max(n_arrays, min(n_wanted, network.n_parameters))
    assert n_arrays <= indices.size <= wanted
    for segment in layout.segments:
        assert ((indices >= segment.start) & (indices < segment.stop)).any()
