"""What all tests share: the environment, which must be set before the imports."""

import os

# Without it scikit-learn skips its common check of array API input.
os.environ["SCIPY_ARRAY_API"] = "1"

# The problems are small: more threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Plots are drawn, but no window opens.
os.environ["MPLBACKEND"] = "Agg"
