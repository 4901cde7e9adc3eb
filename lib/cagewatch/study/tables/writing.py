"""Tables as files: csv for programs, Markdown for a forge, LaTeX for a manuscript."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.files import whole_file
from cagewatch.names import escape_markdown, plain_cells

DASH = "–"
LATEX = str.maketrans(
    {letter: rf"\{letter}" for letter in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", DASH: "--"}
)


def write_table(
    frame: pd.DataFrame,
    folder: Path,
    name: str,
    caption: str,
    protocol: str = "",
    simulated: bool = False,
) -> list[Path]:
    """Write ``<name>.csv``, ``<name>.md`` and ``<name>.tex``, each whole or not at all.

    In md and tex, floats have three digits and what is missing is a dash; the csv keeps nine
    digits. `protocol`, how scores were smoothed, scaled and pooled, is printed under the table; the
    caption says whether the data is simulated. The same table gives the same bytes.
    """
    caption = caption if caption.endswith("?") else f"{caption.rstrip('.')}."
    caption += " Simulated data." if simulated else ""
    rows = [list(map(str, frame.columns))]
    rows += [[_show(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    types = pd.api.types
    right = [types.is_numeric_dtype(one) and not types.is_bool_dtype(one) for one in frame.dtypes]
    note = f"Protocol: {protocol}." if protocol else ""
    texts = {
        "csv": plain_cells(frame).to_csv(index=False, float_format="%.9g", lineterminator="\n"),
        "md": _markdown(rows, right, caption, note),
        "tex": _latex(rows, right, f"{caption} {note}".strip(), name),
    }
    paths = []
    for kind, text in texts.items():
        paths.append(Path(folder) / f"{name}.{kind}")
        with whole_file(paths[-1]) as partial:
            partial.write_text(text, encoding="utf-8")
    return paths


def _show(value: Any) -> str:
    """A cell as people read it."""
    if pd.isna(value):
        return DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.3f}"
    return " ".join(str(value).split())


def _markdown(rows: Sequence[Sequence[str]], right: list[bool], caption: str, note: str) -> str:
    lines = [f"| {' | '.join(map(escape_markdown, row))} |" for row in rows]
    lines.insert(1, f"| {' | '.join('---:' if number else '---' for number in right)} |")
    parts = [f"### {escape_markdown(caption)}", "\n".join(lines), escape_markdown(note)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _latex(rows: Sequence[Sequence[str]], right: list[bool], caption: str, name: str) -> str:
    head, *body = [" & ".join(cell.translate(LATEX) for cell in row) + r" \\" for row in rows]
    columns = "".join("r" if number else "l" for number in right)
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{caption.translate(LATEX)}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        *(r"\toprule", head, r"\midrule", *body, r"\bottomrule"),
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
