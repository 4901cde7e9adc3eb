"""Rows of results as people read them: the text in the cells and the sentence under the table."""

from __future__ import annotations

import pandas as pd

from cagewatch.metrics import (
    BUDGETS,
    LONG_S,
    AlarmShape,
    Interval,
    describe_shape,
    format_auc,
    hours_needed,
)
from cagewatch.params import Parameters


def input_size(parameters: Parameters) -> str:
    """Rows x columns that a model sees, for example ``24x32``."""
    rows = parameters.resize_height - parameters.crop_top - parameters.crop_bottom
    return f"{rows}x{parameters.resize_width}"


def describe_blocks(interval: Interval) -> str:
    """What an interval was made over, which is the same for every row of a target."""
    if interval.reason:
        return f"no interval: {interval.reason}"
    return (
        f"{interval.coverage:.0%} intervals, jackknife over {interval.n_blocks} {interval.unit} "
        f"({interval.n_anomalous_blocks} with anomalous frames) and a row's seeds, Student's t"
        + ("; they do not say how another recording would differ" * (interval.unit == "bouts"))
    )


def present_results(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn the rows of `collect_results` into the table people read, all text.

    Every detector has its row, whatever it is. A network's says how long it was trained, and at
    which step it was stopped if that is before the paper's epochs. A target that is the same in
    every row is left out.
    """
    table = pd.DataFrame({"Target": rows["target"], "Method": rows["method"]})
    if rows["target"].nunique() == 1:
        table = table.drop(columns="Target")
    if "input" in rows:
        table["Input"] = rows["input"].fillna("")
        seeds = pd.to_numeric(rows["seeds"]).astype("Int64").astype("string")
        table["Seeds"] = seeds.fillna("").to_numpy()
        table["Trained"] = rows["trained"].fillna("")
        names = {
            "pooled": "AUC, pooled",
            "per_video_scaled": "AUC, scaled per recording",
            "macro": "AUC, macro",
        }
        for protocol, name in names.items():
            columns = rows[[protocol, f"{protocol}_low", f"{protocol}_high"]]
            ours = rows["source"] != "published"
            table[name] = [
                format_auc(*values) if mine else ""
                for mine, values in zip(ours, columns.itertuples(index=False), strict=True)
            ]
    if "published" in rows:
        table["Published"] = rows["published"].fillna("")
    return table.reset_index(drop=True)


def describe_protocols(rows: pd.DataFrame) -> str:
    """The sentence under a table of results: how frames were pooled and intervals made."""
    ours = rows[rows["source"] != "published"]
    if not len(ours):
        return "published values only"
    with_interval = ours[~ours["interval"].str.startswith("no interval")]
    told = with_interval if len(with_interval) else ours
    first = told.iloc[0]
    # Every target has its own bouts: the numbers are then those of the first.
    of = f", for {first['target']}" if told["interval"].nunique() > 1 else ""
    parts = [
        f"frame AUC over {first['recordings']:.0f} recordings: pooled raw scores; scores scaled to "
        "[0, 1] per recording, then pooled; mean over the "
        f"{first['macro_covers']:.0f} recordings that hold both classes",
        f"[{first['interval']}{of}]",
    ]
    if first["edge_margin"]:
        parts.append(f"frames within {first['edge_margin']:.0f} of an edge of a bout left out")
    parts.append(f"scale {', '.join(sorted(set(ours['scale'])))}")
    if (rows["source"] == "published").any():
        parts.append("published values as published, under protocols that differ or are unstated")
    return "; ".join(parts)


# The protocol under a table of `present_events`.
EVENTS_PROTOCOL = (
    "share of bouts that an alarm touches, and in brackets the false alarms per hour of normal "
    "video there were; the threshold for a recording is set on the normal frames of the other "
    "recordings (of a single one: of its other half), never on its own labels; "
    f"{describe_shape(AlarmShape())}; it is false if it shares no frame with a bout, and counts "
    f"once more for every {LONG_S:g} s of normal video in it; a budget of B an hour takes "
    f"{hours_needed(1):g}/B hours of normal video to be promised; means over seeds"
)


def present_events(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn the rows of `collect_results` into a table of bouts caught at false-alarm budgets.

    A column per budget, each cell the recall and the false alarms per hour that it came with;
    published rows, which lack them, are left out.
    """
    ours = rows[rows["source"] != "published"]
    table = ours[["target", "method", "input"]].set_axis(["Target", "Method", "Input"], axis=1)
    for budget in BUDGETS:
        pairs = ours[[f"recall_{budget:g}", f"got_{budget:g}"]].itertuples(index=False)
        table[f"Bouts caught at {budget:g} false alarms an hour"] = [
            f"{recall:.0%} ({got:.1f})" if recall == recall else "–" for recall, got in pairs
        ]
    table["Hours of normal video"] = ours["normal_hours"].round(2)
    if ours["target"].nunique() == 1:
        table = table.drop(columns="Target")
    return table.reset_index(drop=True)
