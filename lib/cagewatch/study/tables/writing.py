"""Tables as files: csv for programs, Markdown for a forge, LaTeX for a manuscript; the gallery."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import read_json, whole_file
from cagewatch.names import escape_markdown, plain_cells

DASH = "–"
LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    DASH: "--",
}


def write_table(
    frame: pd.DataFrame,
    folder: Path,
    name: str,
    caption: str,
    protocol: str = "",
    simulated: bool = False,
) -> list[Path]:
    """Write ``<name>.csv``, ``<name>.md`` and ``<name>.tex``, each whole or not at all.

    Parameters
    ----------
    frame : a named index becomes the first column. In md and tex, floats have three digits and what
        is missing is a dash; the csv keeps nine digits.
    protocol : printed under the table; say how scores were smoothed, scaled and pooled.
    simulated : say in the caption that the data is simulated.

    Returns
    -------
    paths : of the csv, md and tex. The same table gives the same bytes.
    """
    if frame.index.name is not None:
        frame = frame.reset_index()
    caption = caption if caption.endswith("?") else f"{caption.rstrip('.')}."
    caption += " Simulated data." if simulated else ""
    header = [str(column) for column in frame.columns]
    rows = [[_show(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    types = pd.api.types
    right = [types.is_numeric_dtype(one) and not types.is_bool_dtype(one) for one in frame.dtypes]
    texts = {
        "csv": plain_cells(frame).to_csv(index=False, float_format="%.9g", lineterminator="\n"),
        "md": _markdown(header, rows, right, caption, protocol),
        "tex": _latex(header, rows, right, caption, protocol, name),
    }
    paths = []
    for kind, text in texts.items():
        path = Path(folder) / f"{name}.{kind}"
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _show(value: Any) -> str:
    """A cell as people read it."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.3f}"
    return " ".join(str(value).split())


def _markdown(
    header: list[str], rows: list[list[str]], right: list[bool], caption: str, protocol: str
) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(map(escape_markdown, cells)) + " |"

    rule = ["---:" if is_number else "---" for is_number in right]
    parts = [f"### {escape_markdown(caption)}", "\n".join(map(line, [header, rule, *rows]))]
    return "\n\n".join(parts + [f"Protocol: {escape_markdown(protocol)}."] * bool(protocol)) + "\n"


def _latex(
    header: list[str],
    rows: list[list[str]],
    right: list[bool],
    caption: str,
    protocol: str,
    name: str,
) -> str:
    def escape(text: str) -> str:
        return "".join(LATEX.get(letter, letter) for letter in text)

    def line(cells: list[str]) -> str:
        return " & ".join(map(escape, cells)) + r" \\"

    columns = "".join("r" if is_number else "l" for is_number in right)
    note = f" Protocol: {protocol}." if protocol else ""
    return (
        "\n".join(
            [
                "% needs \\usepackage{booktabs}",
                r"\begin{table}",
                rf"\caption{{{escape(caption + note)}}}",
                rf"\label{{tab:{name}}}",
                rf"\begin{{tabular}}{{{columns}}}",
                r"\toprule",
                line(header),
                r"\midrule",
                *map(line, rows),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
            ]
        )
        + "\n"
    )


def write_gallery(folder: Path, title: str | None = None) -> Path:
    """Write ``README.md`` in a folder of figures and tables, so that a forge shows them all.

    A figure is a png, with its caption from ``<name>.json`` (see `cagewatch.plots.save_figure`); a
    table is an md, with its caption from its heading. They come in the order of their names.

    Raises
    ------
    InputError
        If the folder is missing or holds neither.
    """
    folder = Path(folder)
    names = {path.stem for path in folder.glob("*.png")}
    names |= {path.stem for path in folder.glob("*.md") if path.name != "README.md"}
    if not names:
        raise InputError(f"There is no figure or table in {folder} to show; make some first.")
    parts = [f"# {title or folder.resolve().name}: figures and tables"]
    for name in sorted(names, key=_natural):
        caption, body = name.replace("_", " "), ""
        if (folder / f"{name}.json").is_file():
            caption = read_json(folder / f"{name}.json").get("caption", caption)
            caption = escape_markdown(str(caption))
        if (folder / f"{name}.md").is_file():
            heading, _, body = (folder / f"{name}.md").read_text("utf-8").partition("\n")
            caption = heading.lstrip("# ").strip()
        parts.append(f"## {caption}")
        if (folder / f"{name}.png").is_file():
            parts.append(f"![{caption.replace('[', '(').replace(']', ')')}]({name}.png)")
        if body.strip():
            parts.append(body.strip())
        kinds = [kind for kind in ("svg", "csv", "tex") if (folder / f"{name}.{kind}").is_file()]
        if kinds:
            parts.append(" · ".join(f"[{kind}]({name}.{kind})" for kind in kinds))
    with whole_file(folder / "README.md") as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return folder / "README.md"


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key by which figure_10 comes after figure_9."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]
