"""Ways out of skann, and into it: to scikit-learn's MLP and back."""

from skann.export.mlp import from_sklearn, to_sklearn

__all__ = ["from_sklearn", "to_sklearn"]
