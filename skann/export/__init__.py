"""Ways out of skann, and into it: to scikit-learn's MLP and back, and to ONNX."""

from skann.export.mlp import from_sklearn, to_sklearn
from skann.export.onnx_model import to_onnx
from skann.export.skl2onnx_converters import register_onnx_converters

__all__ = ["from_sklearn", "register_onnx_converters", "to_onnx", "to_sklearn"]
