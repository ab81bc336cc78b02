"""Nodes of an ONNX graph, written as arithmetic.

A `Value` stands for a tensor that the graph computes. Its operators add nodes, so that
formulas look as in numpy. Only operators that onnxruntime supports in float64 are used:
those missing there (LeakyRelu, Elu, Selu, Softplus, Erf) are composed of others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

# From this opset on, all reductions take their axes as an input; ReduceSum does so from
# opset 13 on.
AXES_AS_INPUT = 18

# The domain of operators on text, and its version.
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 2


class Graph:
    """A collection of the nodes and constants of an ONNX graph.

    Parameters
    ----------
    opset : int
        The version of the operator set.

    taken : collection of str, default=()
        Names that are already in use.
    """

    def __init__(self, opset: int, taken: Collection[str] = ()):
        self.opset = opset
        self.domains: dict[str, int] = {"": opset}
        self.nodes: list[Any] = []
        self._taken = frozenset(taken)
        self.initializers: list[Any] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._n_names = 0

    # ------------------------------------------------------ where nodes and names go

    def new_name(self, kind: str) -> str:
        """Return a new, unique name."""
        self._n_names += 1
        name = f"{kind.lower()}_{self._n_names}"
        return self.new_name(kind) if name in self._taken else name

    def write_node(
        self,
        op: str,
        inputs: list[str],
        outputs: list[str],
        name: str,
        domain: str = "",
        **attributes: Any,
    ) -> None:
        """Add a node."""
        from onnx import helper

        if domain == ML_DOMAIN:
            self.domains[domain] = ML_OPSET
        self.nodes.append(
            helper.make_node(op, inputs, outputs, name, domain=domain, **attributes)
        )

    def write_constant(self, array: np.ndarray, name: str) -> None:
        """Add a constant."""
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(array, name))

    # ----------------------------------------------------------------------- values

    def node(
        self,
        op: str,
        *inputs: Value,
        dtype: DTypeLike,
        name: str | None = None,
        **attributes: Any,
    ) -> Value:
        """Add a node that applies an operator to values, and return its output."""
        output = self.new_name(op)
        names = [value.name for value in inputs]
        self.write_node(op, names, [output], name or output, **attributes)
        return Value(self, output, dtype)

    def constant(self, array: ArrayLike, dtype: DTypeLike | None = None) -> Value:
        """Return a constant; equal constants are stored once."""
        array = np.asarray(array, dtype)
        if array.dtype.kind in "US":
            array = array.astype(object)
        content = repr(array.tolist()).encode() if array.dtype == object else b""
        key = str(array.dtype), array.shape, content or array.tobytes()
        if key not in self._known:
            name = self.new_name("constant")
            self.write_constant(np.ascontiguousarray(array).reshape(array.shape), name)
            self._known[key] = name
        return Value(self, self._known[key], array.dtype)

    def rename(self, value: Value, name: str) -> None:
        """Give a value the name of an output."""
        self.write_node("Identity", [value.name], [name], self.new_name("output"))


class Value:
    """A tensor of a graph; arithmetic with it adds nodes.

    Numbers and arrays in the arithmetic become constants of the same dtype.

    Parameters
    ----------
    graph : Graph
        The graph that computes it.

    name : str
        Its name in the graph.

    dtype : dtype
        Its dtype.
    """

    __array_ufunc__ = None  # an array on the left lets this class do the arithmetic

    def __init__(self, graph: Graph, name: str, dtype: DTypeLike):
        self.graph = graph
        self.name = name
        self.dtype = np.dtype(dtype)

    def like(self, other: Any) -> Value:
        """Return a value, or a constant of this dtype."""
        if isinstance(other, Value):
            return other
        return self.graph.constant(other, self.dtype)

    def _with(self, op: str, other: Any, dtype: DTypeLike | None = None) -> Value:
        dtype = self.dtype if dtype is None else dtype
        return self.graph.node(op, self, self.like(other), dtype=dtype)

    def _of(self, op: str, **attributes: Any) -> Value:
        return self.graph.node(op, self, dtype=self.dtype, **attributes)

    def __add__(self, other: Any) -> Value:
        return self._with("Add", other)

    def __sub__(self, other: Any) -> Value:
        return self._with("Sub", other)

    def __mul__(self, other: Any) -> Value:
        return self._with("Mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self._with("Div", other)

    def __matmul__(self, other: Any) -> Value:
        return self._with("MatMul", other)

    def __radd__(self, other: Any) -> Value:
        return self.like(other) + self

    def __rsub__(self, other: Any) -> Value:
        return self.like(other) - self

    def __rmul__(self, other: Any) -> Value:
        return self.like(other) * self

    def __rtruediv__(self, other: Any) -> Value:
        return self.like(other) / self

    def __neg__(self) -> Value:
        return self._of("Neg")

    def __gt__(self, other: Any) -> Value:
        return self._with("Greater", other, bool)

    def __le__(self, other: Any) -> Value:
        return self._with("LessOrEqual", other, bool)

    def equals(self, other: Any) -> Value:
        """Return where it is equal to another."""
        return self._with("Equal", other, bool)

    def is_nan(self) -> Value:
        """Return where it is not a number."""
        return self.graph.node("IsNaN", self, dtype=bool)

    def where(self, yes: Value, no: Any) -> Value:
        """Return `yes` where this is true, else `no`."""
        return self.graph.node("Where", self, yes, yes.like(no), dtype=yes.dtype)

    def minimum(self, other: Any) -> Value:
        """Return the smaller of two."""
        return self._with("Min", other)

    def maximum(self, other: Any) -> Value:
        """Return the larger of two."""
        return self._with("Max", other)

    def exp(self) -> Value:
        """Return the exponential."""
        return self._of("Exp")

    def log(self) -> Value:
        """Return the natural logarithm."""
        return self._of("Log")

    def sqrt(self) -> Value:
        """Return the square root."""
        return self._of("Sqrt")

    def cos(self) -> Value:
        """Return the cosine."""
        return self._of("Cos")

    def tanh(self) -> Value:
        """Return the hyperbolic tangent."""
        return self._of("Tanh")

    def sigmoid(self) -> Value:
        """Return the logistic function."""
        return self._of("Sigmoid")

    def relu(self) -> Value:
        """Return the positive part."""
        return self._of("Relu")

    def erf(self) -> Value:
        """Return the error function, which onnxruntime supports only in float32."""
        return self._of("Erf")

    def abs(self) -> Value:
        """Return the absolute value."""
        return self._of("Abs")

    def sign(self) -> Value:
        """Return -1, 0 or 1."""
        return self._of("Sign")

    def affine(self, weights: ArrayLike, biases: Any) -> Value:
        """Return a matrix times constant weights, plus biases, as a single node."""
        inputs = self, self.like(weights), self.like(biases)
        return self.graph.node("Gemm", *inputs, dtype=self.dtype)

    def clip(self, lower: float, upper: float) -> Value:
        """Limit the values to an interval."""
        inputs = self, self.like(lower), self.like(upper)
        return self.graph.node("Clip", *inputs, dtype=self.dtype)

    def softmax(self) -> Value:
        """Return the softmax of each row of a matrix."""
        return self._of("Softmax", axis=1)

    def number(self, constant: float, dtype: DTypeLike, name: str) -> Value:
        """Return a constant for each cell, and make the run fail if a cell is NaN.

        For NaN, the node accesses an element of a table that does not exist.

        Parameters
        ----------
        constant : float
            The constant.

        dtype : dtype
            Its dtype.

        name : str
            The name of the node that fails, which should say why.
        """
        places = self.is_nan().astype(np.int64)
        table = self.graph.constant([constant], dtype)
        return self.graph.node("Gather", table, places, dtype=dtype, axis=0, name=name)

    def log_softmax(self, axis: int) -> Value:
        """Return the logarithm of the softmax over an axis.

        The operator of that name underflows in the reference implementation.
        """
        return self - self.log_sum_exp(axis, keepdims=True)

    def astype(self, dtype: DTypeLike) -> Value:
        """Return the value in another dtype."""
        from onnx import helper

        if np.dtype(dtype) == self.dtype:
            return self
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.graph.node("Cast", self, dtype=dtype, to=to)

    def sum(self, axis: int, *, keepdims: bool = False) -> Value:
        """Return the sum over an axis."""
        axes = self.graph.constant([axis], np.int64)
        return self.graph.node(
            "ReduceSum", self, axes, dtype=self.dtype, keepdims=int(keepdims)
        )

    def min(self, axis: int, *, keepdims: bool = False) -> Value:
        """Return the minimum over an axis."""
        return self._reduced("ReduceMin", axis, keepdims)

    def log_sum_exp(self, axis: int, *, keepdims: bool = False) -> Value:
        """Return log(sum(exp)) over an axis, without overflow."""
        return self._reduced("ReduceLogSumExp", axis, keepdims)

    def _reduced(self, op: str, axis: int, keepdims: bool) -> Value:
        kept = int(keepdims)
        if self.graph.opset < AXES_AS_INPUT:
            return self._of(op, axes=[axis], keepdims=kept)
        axes = self.graph.constant([axis], np.int64)
        return self.graph.node(op, self, axes, dtype=self.dtype, keepdims=kept)

    def argmax(self) -> Value:
        """Return the index of the first maximum of each row."""
        return self.graph.node("ArgMax", self, dtype=np.int64, axis=1, keepdims=0)

    def sorted(self, n_columns: int) -> Value:
        """Return the values of each row in ascending order."""
        graph = self.graph
        output, order = graph.new_name("sorted"), graph.new_name("order")
        inputs = [self.name, graph.constant([n_columns], np.int64).name]
        graph.write_node("TopK", inputs, [output, order], output, axis=1, largest=0)
        return Value(graph, output, self.dtype)

    def reshape(self, *shape: int) -> Value:
        """Return the same numbers in another shape; 0 keeps the size of an axis."""
        wanted = self.graph.constant(shape, np.int64)
        return self.graph.node("Reshape", self, wanted, dtype=self.dtype)

    def add_axes(self, *axes: int) -> Value:
        """Return the same numbers with new axes of length 1 at these positions."""
        places = self.graph.constant(axes, np.int64)
        return self.graph.node("Unsqueeze", self, places, dtype=self.dtype)

    def without_axis(self, axis: int) -> Value:
        """Return the same numbers without an axis of length 1."""
        places = self.graph.constant([axis], np.int64)
        return self.graph.node("Squeeze", self, places, dtype=self.dtype)

    def split(self, n_parts: int) -> list[Value]:
        """Return each column of the last axis separately."""
        graph = self.graph
        outputs = [graph.new_name("split") for _ in range(n_parts)]
        sizes = graph.constant(np.ones(n_parts), np.int64)
        graph.write_node("Split", [self.name, sizes.name], outputs, outputs[0], axis=-1)
        return [Value(graph, output, self.dtype) for output in outputs]

    def last(self, numbers: ArrayLike) -> Value:
        """Return the elements of the last axis with these indices."""
        places = self.graph.constant(numbers, np.int64)
        return self.graph.node("Gather", self, places, dtype=self.dtype, axis=-1)

    def rows_of(self, table: ArrayLike, dtype: DTypeLike | None = None) -> Value:
        """Return the rows of a constant table with these indices."""
        return self.elements_of(table, dtype, axis=0)

    def elements_of(
        self, constant: ArrayLike, dtype: DTypeLike | None, axis: int
    ) -> Value:
        """Return the elements of a constant with these indices along an axis."""
        of = self.graph.constant(constant, dtype)
        return self.graph.node("Gather", of, self, dtype=of.dtype, axis=axis)

    def from_column(self, start: int) -> Value:
        """Return the elements of the last axis from this index on."""
        bounds = ([start], [np.iinfo(np.int64).max], [-1])
        places = [self.graph.constant(bound, np.int64) for bound in bounds]
        return self.graph.node("Slice", self, *places, dtype=self.dtype)

    def repeated(self, *shape: int) -> Value:
        """Repeat the numbers along axes of length 1."""
        wanted = self.graph.constant(shape, np.int64)
        return self.graph.node("Expand", self, wanted, dtype=self.dtype)

    def numbers_of(self, texts: Sequence[str], otherwise: int) -> Value:
        """Return the index of each text in a list, or another number if unknown."""
        return self.graph.node(
            "LabelEncoder", self, dtype=np.int64, domain=ML_DOMAIN,
            keys_strings=list(texts), values_int64s=list(range(len(texts))),
            default_int64=otherwise,
        )  # fmt: skip

    def polynomial_of_matrix(
        self, coefficients: Sequence[float], n_columns: int
    ) -> Value:
        """Return a polynomial of each cell of a matrix, with few nodes.

        Each group of five coefficients is a polynomial of degree 4. All of these are
        computed as one matrix product, and combined with the fifth power.
        """
        padded = [*coefficients, *[0.0] * (-len(coefficients) % 5)]
        blocks = np.reshape(padded, (-1, 5))
        first = self.reshape(-1, 1)
        second = first * first
        powers = [first, second, second * first, second * second]
        parts = concatenate(powers, axis=1).affine(blocks[:, 1:].T, blocks[:, 0])
        *lower, result = parts.split(len(blocks))
        fifth = powers[3] * first
        for part in reversed(lower):
            result = result * fifth + part
        return result.reshape(-1, n_columns)

    def polynomial(self, coefficients: Sequence[float]) -> Value:
        """Return a polynomial, by Horner's rule; the constant term comes first."""
        *lower, first, last = [float(number) for number in coefficients]
        result = self * last + first
        for number in reversed(lower):
            result = result * self + number
        return result


def concatenate(values: Sequence[Value], axis: int) -> Value:
    """Concatenate values along an axis."""
    if len(values) == 1:
        return values[0]
    return values[0].graph.node("Concat", *values, dtype=values[0].dtype, axis=axis)
