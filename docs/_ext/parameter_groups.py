"""The parameters of the estimators in groups, each with the guide that explains it.

The docstrings have one list, as numpydoc and `help` want it; the pages of the reference
show it in these groups. A test holds that each parameter is in one of them.
"""

# The name of each group, pages of the guide with their titles, and its parameters.
GROUPS = {
    "Model": (
        {"guide/networks": "Networks"},
        "hidden_layer_sizes activation recipe output_activation init n_frequencies "
        "frequency_scale n_members",
    ),
    "Loss": (
        {"guide/losses": "Losses"},
        "loss quantile huber_delta class_weight",
    ),
    "Optimisation": (
        {"guide/training": "Training"},
        "solver batch_size learning_rate learning_rate_init power_t decay momentum "
        "nesterovs_momentum beta_1 beta_2 epsilon shuffle max_grad_norm",
    ),
    "Regularisation": (
        {"guide/regularisation": "Regularisation"},
        "alpha dropout weight_decay label_smoothing",
    ),
    "Stopping": (
        {"guide/stopping": "Stopping and validation"},
        "max_iter max_fun tol n_iter_no_change early_stopping validation_fraction "
        "restore_best_weights scoring",
    ),
    "Data": (
        {"guide/scaling": "Scaling", "guide/tables": "Tables"},
        "scaling categorical_features",
    ),
    "Computing": (
        {"guide/training": "Training", "guide/streams": "Streams and checkpoints"},
        "random_state verbose warm_start n_jobs dtype",
    ),
}


def grouped(names):
    """Return the groups, each with its pages and those of the names that it has.

    None if these are not the parameters of an estimator.
    """
    names = list(names)
    known = {name for _, group in GROUPS.values() for name in group.split()}
    if len(names) < 30 or not set(names) <= known:
        return None
    return {
        title: (pages, [name for name in group.split() if name in names])
        for title, (pages, group) in GROUPS.items()
    }


def group_lines(title, pages):
    """Return the heading of a group, in reStructuredText, with links to the guide."""
    links = ", ".join(f":doc:`{text} </{page}>`" for page, text in pages.items())
    return [f":{title}:", "", f"    See {links}.", ""]


def grouped_param_list(doc, of_section, section):
    """Return the list of parameters in reStructuredText, in groups if it is long.

    Parameters
    ----------
    doc : SphinxDocString
        The parsed docstring; it is as it was when the function returns.

    of_section : callable
        Returns the list of a section as numpydoc makes it.

    section : str
        The name of the section.
    """
    parameters = doc[section]
    groups = grouped(parameter.name for parameter in parameters)
    if section != "Parameters" or groups is None:
        return of_section(section)
    by_name = {parameter.name: parameter for parameter in parameters}
    lines = []
    try:
        for title, (pages, names) in groups.items():
            if not names:
                continue
            doc[section] = [by_name[name] for name in names]
            _, *entries = of_section(section)
            lines += group_lines(f"{title} parameters", pages) + entries
    finally:
        doc[section] = parameters
    return lines
