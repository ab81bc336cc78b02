"""Errors for settings that cannot be computed exactly from blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skann.data.scaling import BENDING
from skann.estimators.recipes import is_auto

_INSTEAD = (
    "set distribute='members', which works like the plain estimator, if all rows fit "
    "into the memory of a worker"
)


def refuse_settings(params: Mapping[str, Any]) -> None:
    """Raise an error for parameters that need all rows at once.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    Raises
    ------
    ValueError
        If there is such a parameter.
    """
    scaling, scoring = params["scaling"], params["scoring"]
    if isinstance(scaling, str) and scaling in (*BENDING, "robust"):
        raise ValueError(
            f"scaling={scaling!r} needs medians, ranks or the order of the rows, which "
            "cannot be computed exactly from blocks. Choose 'standard' (the meaning of "
            f"'auto' here), 'minmax' or None, or {_INSTEAD}."
        )
    if not is_auto(params["n_members"]) and params["n_members"] > 1:
        raise ValueError(
            f"n_members={params['n_members']} is not supported with distribute='rows', "
            "since sending the gradients of several networks for each batch would be "
            f"inefficient. Set n_members=1, or {_INSTEAD}."
        )
    loss = params["loss"]
    if isinstance(loss, str) and loss == "huber" and params["huber_delta"] is None:
        raise ValueError(
            "loss='huber' with huber_delta=None needs the quartiles of y, which cannot "
            "be computed exactly from blocks. Set huber_delta, in the units of y, or "
            f"{_INSTEAD}."
        )
    if scoring is not None and scoring != "loss":
        raise ValueError(
            f"scoring={scoring!r} needs all validation rows in one process. Choose "
            f"None or 'loss', or {_INSTEAD}."
        )
    named = params["categorical_features"]
    if not (named is None or (isinstance(named, str) and named == "from_dtype")):
        raise ValueError(
            "categorical_features is not supported with distribute='rows'. Encode the "
            "categories first, for example with dask.dataframe.get_dummies, or "
            f"{_INSTEAD}."
        )
