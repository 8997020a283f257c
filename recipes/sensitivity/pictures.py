"""The plot of a screening: mu* against sigma, a panel a measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_LABELLED = 0.2  # of the largest mu*: what moves less is a dot without a name


def draw(out: Path, title: str, rows: list[dict[str, Any]]) -> None:
    """Write a PNG. Below the line sigma = mu* a factor acts evenly; above it depends on others."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    measures = list(dict.fromkeys(row["measure"] for row in rows))
    figure, panels = pyplot.subplots(
        1, len(measures), figsize=(3.3 * len(measures), 3.2), squeeze=False, layout="constrained"
    )
    for panel, measure in zip(panels[0], measures, strict=True):
        own = [row for row in rows if row["measure"] == measure]
        most = max(max(row["mu_star"] for row in own), 1e-9)
        for row in own:
            panel.errorbar(
                row["mu_star"], row["sigma"], xerr=row["confidence"], fmt="o", ms=4, lw=0.8,
                color="#31688e", ecolor="#b0b0b0",
            )  # fmt: skip
            if row["mu_star"] > _LABELLED * most:
                panel.annotate(
                    row["factor"], (row["mu_star"], row["sigma"]), fontsize=7,
                    xytext=(3, 3), textcoords="offset points",
                )  # fmt: skip
        panel.axline((0, 0), slope=1, color="#cccccc", lw=0.8, zorder=0)
        panel.set(title=f"{title}: {measure}", xlabel="mu* (whole range)", ylabel="sigma")
        panel.title.set_fontsize(9)
        panel.tick_params(labelsize=7)
    figure.savefig(out, dpi=64, metadata={"Software": None})
    pyplot.close(figure)
