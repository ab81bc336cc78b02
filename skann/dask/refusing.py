"""What cannot be merged exactly from blocks, refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skann.estimators.recipes import is_auto

_INSTEAD = (
    "set distribute='members' if a worker can hold all rows, and there everything is "
    "as in the plain estimator"
)


def refuse_settings(params: Mapping[str, Any]) -> None:
    """Refuse parameters that need all rows at once, or that blocks do not serve.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    Raises
    ------
    ValueError
        If there is one.
    """
    scaling, scoring = params["scaling"], params["scoring"]
    if isinstance(scaling, str) and scaling in ("bounded", "robust", "adaptive"):
        raise ValueError(
            f"scaling={scaling!r} rests on medians, ranks or the order of the rows, "
            "which cannot be merged exactly from blocks. Choose 'standard' (what "
            f"'auto' is here), 'minmax' or None, or {_INSTEAD}."
        )
    if not is_auto(params["n_members"]) and params["n_members"] > 1:
        raise ValueError(
            f"n_members={params['n_members']}: networks that are averaged exchange "
            "nothing, and to send the gradients of all of them for each batch would "
            f"be a waste. Take one, or {_INSTEAD}."
        )
    loss = params["loss"]
    if isinstance(loss, str) and loss == "huber" and params["huber_delta"] is None:
        raise ValueError(
            "loss='huber' with huber_delta=None needs the quartiles of y, which "
            "cannot be merged exactly from blocks. Give huber_delta, in the units of "
            f"y, or {_INSTEAD}."
        )
    if scoring is not None and scoring != "loss":
        raise ValueError(
            f"scoring={scoring!r} needs all validation rows in one process. Choose "
            f"None or 'loss', or {_INSTEAD}."
        )
    named = params["categorical_features"]
    if not (named is None or (isinstance(named, str) and named == "from_dtype")):
        raise ValueError(
            "categorical_features: which levels are frequent is not merged from "
            "blocks. Encode them first, as by dask.dataframe.get_dummies, or "
            f"{_INSTEAD}."
        )
