"""The table of results in the README, from published tables; ``make publish`` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import whole_file

NOT_RUN = "not run"
# Heading -> the published table, and the target in it where it has several.
COLUMNS = {
    "simulated hang": ("simulated_paper/section_3_4.csv", "hang"),
    "simulated groom": ("simulated_paper/section_3_4.csv", "groom"),
    "Ped2 (real crowd)": ("ped2/table_2.csv", None),
    "real mouse, rear (10 bouts, 11 s)": ("mit_sample/real_mice_rear.csv", None),
    "real mouse, walk (24 bouts, 28 s)": ("mit_sample/real_mice_walk.csv", None),
}
# As the README names a detector -> as tables do.
ROWS = {
    "mean image (linear)": "mean image",
    "`pca_frames` (linear)": "PCA of frames",
    "largest flow magnitude (trivial)": "flow magnitude",
    "`density` (ours)": "density of objects",
    "single-stream CAE (image)": "single-stream CAE (image)",
    "two-stream CAE": "two-stream CAE",
    "two-stream RAE": "two-stream RAE",
    "supervised (sees labels)": "supervised",
}


def build_results(figures: Path) -> str:
    """The table as Markdown: pooled AUC and interval of each detector, as they were published."""
    columns = {
        head: read_column(figures / name, target) for head, (name, target) in COLUMNS.items()
    }
    lines = [["detector", *columns], ["---"] * (1 + len(columns))]
    for shown, method in ROWS.items():
        lines.append([shown, *(column.get(method, NOT_RUN) for column in columns.values())])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def read_column(path: Path, target: str | None) -> dict[str, str]:
    """The pooled AUCs of a published table by detector, as text; InputError if it is none."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if target is not None:
            table = table[table["Target"] == target]
        method = "Method" if "Method" in table else "Detector"
        auc = "AUC, pooled" if "AUC, pooled" in table else "AUC"
        return dict(zip(table[method], table[auc], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} is no published table of AUCs ({error}); publish it.") from error


def write_results(root: Path) -> None:
    """Put the table in the place of the one that ``README.md`` has; InputError if it has none."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"^\| detector \|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    if len(found) != 1:
        raise InputError(f"{path} has {len(found)} tables of results instead of one; mend it.")
    with whole_file(path) as partial:
        partial.write_text(text.replace(found[0], build_results(root / "figures")), "utf-8")
