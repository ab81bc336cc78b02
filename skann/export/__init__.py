"""Conversion from and to scikit-learn's MLP, export to ONNX, and files for skops."""

from skann.export.mlp import from_sklearn, to_sklearn
from skann.export.onnx_model import to_onnx
from skann.export.skl2onnx_converters import register_onnx_converters
from skann.export.skops_types import trusted_types

__all__ = [
    "from_sklearn",
    "register_onnx_converters",
    "to_onnx",
    "to_sklearn",
    "trusted_types",
]
