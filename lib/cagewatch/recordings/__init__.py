"""Readers: a data directory in, recordings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cagewatch.errors import InputError, nearest_name
from cagewatch.params import Parameters, project_root
from cagewatch.recordings import avenue, folder, mit, mit_sample, ucsd
from cagewatch.recordings.archives import ARCHIVES
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels.frame_labels import check_label_length

MOST_NAMED = 12  # recordings in a message


def load_recordings(parameters: Parameters) -> list[Recording]:
    """Read the recordings `parameters` name, each with its split filled in.

    `layout` and `data_dir` say what is read. `train_recordings` and `test_recordings` say which
    recordings are used for what; where one of them is None, the dataset's own split is taken,
    without the recordings the other list names. Recordings in neither are left out.

    Parameters
    ----------
    parameters : Parameters
        Of the run.

    Returns
    -------
    recordings : in the reader's order, `split` 'train' or 'test'.

    Raises
    ------
    InputError
        If `data_dir` or its recordings are missing (the message says where to get them), a listed
        recording does not exist, or is in both lists though the parts used overlap, or nothing says
        how to split.
    """
    data_dir = project_root() / Path(parameters.data_dir).expanduser()
    if not data_dir.is_dir():
        raise InputError(f"data_dir {data_dir} is not a folder; {_where_to_get(parameters)}")
    layout = parameters.layout
    if layout in ("mit", "simulated"):
        # The simulated cage is on disk as the real one is; nothing here can tell them apart.
        if _holds_only_clips(data_dir):
            recordings = mit.read_clips(data_dir)
        else:
            recordings = mit.read_recordings(data_dir, parameters.annotator_group)
    elif layout == "mit_sample":
        recordings = mit_sample.read_recordings(data_dir)
    elif layout in ("ped1", "ped2"):
        recordings = ucsd.read_recordings(data_dir, layout)
    elif layout in ("avenue", "avenue_vol"):
        recordings = avenue.read_recordings(data_dir, "vol" if layout == "avenue_vol" else "avi")
    else:
        recordings = folder.read_recordings(data_dir, parameters.image_fps)
    train, test = parameters.train_recordings, parameters.test_recordings
    apart = (
        parameters.train_stop <= parameters.test_start
        or parameters.test_stop <= parameters.train_start
    )
    return split_recordings(recordings, train, test, parts_apart=apart)


def split_recordings(
    recordings: Sequence[Recording],
    train: Sequence[str] | None = None,
    test: Sequence[str] | None = None,
    parts_apart: bool = False,
) -> list[Recording]:
    """Fill in `split` from lists of names, or from the dataset where a list is None.

    Parameters
    ----------
    recordings : of the data set.
    train, test : names.
    parts_apart : bool
        The parts of a recording that are trained on and tested share no frame, so that one
        recording may be in both lists; it is then given twice, for training first.

    Returns
    -------
    recordings : those of a list, `split` filled in, in the order given.

    Raises
    ------
    InputError
        If a list names no recording that is there, or one that the other list names too though
        the parts overlap, or nothing says how to split.
    """
    names = [recording.name for recording in recordings]
    for parameter, listed in (("train_recordings", train), ("test_recordings", test)):
        for name in listed or ():
            if name not in names:
                raise InputError(
                    f"{parameter} names the recording {name!r}, which is not there; "
                    f"{nearest_name(name, names)}"
                )
    both = set(train or ()) & set(test or ())
    if both and not parts_apart:
        raise InputError(
            f"{min(both)!r} is in both train_recordings and test_recordings; leave it in one of "
            "them, or use parts that do not overlap (train_start to train_stop, test_start to "
            "test_stop)."
        )
    if train is None and test is None and not any(recording.split for recording in recordings):
        more = f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)
        raise InputError(
            "This dataset has no split of its own: name recordings in train_recordings and "
            f"test_recordings; there are {', '.join(names[:MOST_NAMED])}{more}."
        )

    lists = {"train": train, "test": test}

    found = []
    for one in recordings:
        listed = [split for split, names in lists.items() if one.name in (names or ())]
        own = [one.split] if one.split and lists[one.split] is None else []
        found += [replace(one, split=split) for split in listed or own]
    return found


def _holds_only_clips(data_dir: Path) -> bool:
    """True where the clipped database is there and the full one is not."""
    return not (data_dir / "full_database").is_dir() and (
        data_dir.name == "clipped_database" or (data_dir / "clipped_database").is_dir()
    )


def _where_to_get(parameters: Parameters) -> str:
    if parameters.layout == "folder":
        return "set it to the folder with your videos."
    if parameters.layout == "simulated":
        return "simulate the recordings first, or set data_dir to where they are."
    name = parameters.layout.removesuffix("_vol")
    addresses = " and ".join(archive.url for archive in ARCHIVES[name])
    return (
        f"set it, or get the data from {addresses} with 'cagewatch download "
        f"{name} {parameters.data_dir}'."
    )
