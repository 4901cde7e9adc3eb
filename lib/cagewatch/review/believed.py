"""Which of a cage's alarms may be shown and decided on: not those of another detector, for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cagewatch import runs
from cagewatch.cages.batch import list_done
from cagewatch.cages.cage import Cage
from cagewatch.errors import InputError
from cagewatch.names import unplain_cell

GONE = "their results are gone; score again."
ANOTHER = "they are of a detector that the cage has no more; score again."


def read_alarms(cage: Cage) -> pd.DataFrame:
    """All of a cage's ``alarms.csv``, highest score first."""
    path = cage.folder / "alarms.csv"
    try:
        alarms = pd.read_csv(path, dtype={"recording": str}) if path.is_file() else pd.DataFrame()
        if alarms.empty:
            numbers = dict.fromkeys(["start_s", "stop_s", "peak_s", "peak_score"], 0.0)
            alarms = pd.DataFrame({"recording": pd.Series(dtype=str)}).assign(**numbers)
        alarms["recording"] = alarms["recording"].map(unplain_cell)
        alarms["reason"] = alarms["reason"].fillna("") if "reason" in alarms else ""
        alarms = alarms.round({"start_s": 3, "stop_s": 3})
        return alarms.sort_values("peak_score", ascending=False, kind="stable")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); score the videos again.") from None


def list_left_out(cage: Cage) -> dict[str, str]:
    """Say whose alarms are not to be believed or decided on.

    Parameters
    ----------
    cage : Cage

    Returns
    -------
    dict of str to str
        Why, by recording: its alarms are held back, its results are gone, or they are those of
        another detector than the cage has now.
    """
    present, done = runs.read_provenance(cage.run.folder)["files"]["detector.npz"], list_done(cage)
    reasons = dict.fromkeys(sorted(set(read_alarms(cage)["recording"]) - set(done)), GONE)
    for name, said in done.items():
        another = said["of"].get("detector") != present
        if another or said["held_back"]:
            reasons[name] = ANOTHER if another else said["held_back"]
    return reasons


def list_believed(cage: Cage) -> dict[str, dict[str, Any]]:
    """What ``scored.json`` says of each recording not left out; InputError if there is none."""
    done, left_out = list_done(cage), list_left_out(cage)
    if not done:
        raise InputError(f"{cage.folder} has no scored recording; score videos first.")
    if not done.keys() - left_out:
        raise InputError(f"{cage.folder} has no alarms to show. {' '.join(say_left_out(left_out))}")
    return {name: said for name, said in done.items() if name not in left_out}


def say_left_out(left_out: Mapping[str, str], most: int = 6) -> list[str]:
    """A sentence for each reason of `list_left_out`, with the recordings' names."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    return [
        f"Left out are the alarms of {', '.join(own[:most])}"
        f"{f' and {len(own) - most} more' if own[most:] else ''}: {reason}"
        for reason, own in names.items()
    ]
