"""The result of a diagnosis, as text, as HTML and as a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, Self, overload

from skann.inspection.axes import COLORS, Display

Severity = Literal["error", "warning", "note"]

# The widths of the lines of the text and of the title of the figure.
_WIDTH = 88
_WIDTH_OF_TITLE = 50


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a fit or its data.

    Parameters
    ----------
    name : str
        The name of the finding, such as "learning rate too small".

    seen : str
        What was observed, with numbers.

    remedy : str
        A remedy, as code. In it, the estimator is called `estimator`, and the data `X`,
        `y`, `X_val` and `y_val`.

    severity : {"error", "warning", "note"}
        "error" if the fit is useless until this is fixed, "warning" if the fit is
        probably worse than it could be, "note" if this network is hardly affected.
    """

    name: str
    seen: str
    remedy: str
    severity: Severity = "warning"

    def __str__(self) -> str:
        head = f"{self.severity}: {self.name}. {self.seen}"
        lines = textwrap.wrap(head, _WIDTH, subsequent_indent="  ")
        code = [f"    {line}" for line in self.remedy.splitlines()]
        return "\n".join([*lines, *code])


@dataclass
class Diagnosis(Display, Sequence[Finding]):
    """The result of `diagnose`: a sequence of findings, causes before effects.

    The sequence is empty, and therefore false, if nothing was found.

    Parameters
    ----------
    findings : tuple of Finding
        The findings.

    skills : dict of str to float
        How good the network and simpler models are, on a scale from 0 for the best
        constant prediction to 1 for a perfect prediction: the fraction by which the
        error is smaller than that of the constant. The error is the Brier score for
        classification, and the squared error for regression (so this is R²) or, if the
        loss is based on absolute errors, the absolute error.

    not_checked : tuple of str, default=()
        What could not be checked, and why.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot, after `plot`.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skann import BackpropClassifier
    >>> from skann.inspection import diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = BackpropClassifier(random_state=0).fit(X, y)
    >>> print(diagnose(classifier, X, y))
    Nothing was found.
    """

    findings: tuple[Finding, ...]
    skills: Mapping[str, float] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the findings, in their order."""
        return [finding.name for finding in self.findings]

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, index: int) -> Finding: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...

    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[index]

    def __str__(self) -> str:
        parts = [str(finding) for finding in self.findings] or ["Nothing was found."]
        parts += [
            "\n".join(
                textwrap.wrap(f"not checked: {each}", _WIDTH, subsequent_indent="  ")
            )
            for each in self.not_checked
        ]
        return "\n\n".join(parts) if self.findings else "\n".join(parts)

    def to_html(self) -> str:
        """Return the findings as an HTML table.

        Returns
        -------
        html : str
            A fragment, for a notebook or a page.
        """
        parts = []
        if self.findings:
            heads = "".join(
                f"<th>{head}</th>"
                for head in ("", "finding", "what was seen", "remedy")
            )
            rows = "\n".join(
                f"<tr><td>{escape(each.severity)}</td><td><b>{escape(each.name)}</b>"
                f"</td><td>{escape(each.seen)}</td><td><pre>{escape(each.remedy)}"
                "</pre></td></tr>"
                for each in self.findings
            )
            parts.append(
                f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n"
                "</tbody>\n</table>"
            )
        else:
            parts.append("<p>Nothing was found.</p>")
        parts += [f"<p>Not checked: {escape(each)}</p>" for each in self.not_checked]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return self.to_html()

    def plot(self, ax: Any = None) -> Self:
        """Plot the skill of the network and of simpler models, titled by the findings.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        diagnosis : Diagnosis
            The diagnosis.
        """
        ax = self._take_axes(ax, figsize=(7.5, 3.2))
        names = list(self.skills)
        # The bar of a model far worse than a constant is cut off; its label shows how
        # bad.
        lengths = [max(-1.0, self.skills[name]) for name in names]
        is_network = [name.startswith("network") for name in names]
        bars = ax.barh(
            names, lengths, height=0.6,
            color=[COLORS[0] if own else "0.7" for own in is_network],
        )  # fmt: skip
        labels = [in_words(self.skills[name]) for name in names]
        ax.bar_label(bars, labels, padding=4)
        ax.axvline(0, color="black", linewidth=0.8)
        # The labels are beside the bars, on the left of negative ones.
        least = min(lengths, default=0.0)
        ax.set_xlim(least - 0.35 if least < 0.005 else -0.02, 1.25)
        ax.invert_yaxis()
        ax.set(xlabel="skill (0: the best constant, 1: perfect)")
        title = "Nothing was found"
        if self.findings:
            title = "Found: " + ", ".join(self.names)
        ax.set_title(
            "\n".join(textwrap.wrap(title, _WIDTH_OF_TITLE)), loc="left", fontsize=11
        )
        return self


def in_words(skill: float) -> str:
    """Return a skill with two decimals, without the sign of a negative zero."""
    return f"{round(skill, 2) + 0.0:.2f}" if skill > -100 else f"{skill:.1e}"


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings in their order (causes first), followed by the notes."""
    return tuple(sorted(findings, key=lambda each: each.severity == "note"))
