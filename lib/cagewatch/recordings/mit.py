"""The home-cage database of Jhuang et al. 2010 (Nature Communications 1, 68).

Full database, 12 recordings of 320x240 at about 29.97 fps::

    full_database/<video>.mpg
    full_database/Annotator_group_<n>/<video>.txt

Clipped database, 4268 clips of one behaviour each::

    clipped_database/<video>/<video>_<code>_<number>.mpg

where the code is a behaviour's name or its first letters. The clips' layout and codes are not
documented; they are taken from what independent users of the database wrote down in their code
("head" is the early name of micromovement, "groomback" one of grooming).
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import scipy.io
from tqdm.auto import tqdm

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.recordings.folder import list_videos
from cagewatch.recordings.labels.annotations import MIT_BEHAVIOURS, read_labels
from cagewatch.video import count_frames

CLIP_CODES = {
    "drink": "drink d",
    "eat": "eat e",
    "groom": "groom groomback g gb",
    "hang": "hang ha",
    "micromovement": "micromovement head he",
    "rear": "rear r",
    "rest": "rest rs",
    "walk": "walk w",
}
_BEHAVIOUR_OF_CODE = {code: name for name, codes in CLIP_CODES.items() for code in codes.split()}


def read_recordings(data_dir: Path, annotator_group: int = 1) -> list[Recording]:
    """Read the full database's recordings with the labels of one annotator group, sorted by name.

    `data_dir` is ``full_database``, or holds it (or ``mit/full_database``). Group 1 labelled every
    recording, 2 only some; those it did not label are left out, with a warning. InputError if there
    are no videos, none of them is labelled, or a label file is wrong.
    """
    folder = find_full_database(data_dir)
    label_folder = folder / f"Annotator_group_{annotator_group}"
    if not label_folder.is_dir():
        raise InputError(
            f"{folder} has no folder {label_folder.name}; copy it there or set annotator_group."
        )
    videos = list_videos(folder)
    labelled = [video for video in videos if (label_folder / f"{video.stem}.txt").is_file()]
    if not labelled:
        raise InputError(f"{label_folder} has no label file <video>.txt for any video in {folder}.")
    if left_out := [video.stem for video in videos if video not in labelled]:
        warnings.warn(
            f"Left out, as {label_folder} does not label them: {', '.join(left_out)}.", stacklevel=2
        )
    return [
        Recording(
            name=video.stem,
            source=video,
            labels=read_labels(label_folder / f"{video.stem}.txt"),
            behaviours=MIT_BEHAVIOURS,
            label_source=label_folder / f"{video.stem}.txt",
        )
        for video in labelled
    ]


def find_full_database(data_dir: Path) -> Path:
    """The folder with the full database's videos at or below `data_dir`; InputError if none."""
    places = ("full_database", "mit/full_database", ".")
    for place in places:
        folder = data_dir / place
        if folder.is_dir() and list_videos(folder):
            return folder
    raise InputError(
        f"{data_dir} has no full_database folder with <video>.mpg files; "
        "see 'cagewatch download mit <folder>'."
    )


def read_clips(data_dir: Path) -> list[Recording]:
    """Read the clipped database: every clip a recording with one label throughout.

    `data_dir` is the folder ``clipped_database`` or one that holds it. Clips are ``.mpg`` or other
    videos, or ``.mat`` volumes (variable ``I``), anywhere below. Every clip is decoded once, as its
    labels need its length. InputError if there are no clips, or a clip's behaviour is not known.
    """
    places = ("clipped_database", "mit/clipped_database", ".")
    folder = next((data_dir / place for place in places if (data_dir / place).is_dir()), data_dir)
    clips = list_videos(folder, volumes=True, deep=True)
    if not clips:
        raise InputError(f"{folder} has no clips of the clipped database; check data_dir.")
    if len({clip.stem for clip in clips}) < len(clips):
        raise InputError(f"{folder} has two clips of the same name; keep one of them.")
    recordings = []
    for clip in tqdm(clips, desc="clips", unit="clip", disable=len(clips) < 100):
        label = MIT_BEHAVIOURS.index(clip_behaviour(clip))
        recordings.append(
            Recording(
                name=clip.stem,
                source=clip,
                labels=np.full(count_frames(clip), label, np.int16),
                behaviours=MIT_BEHAVIOURS,
                label_source=clip,
            )
        )
    return recordings


def clip_behaviour(clip: Path) -> str:
    """Behaviour of a one-behaviour clip, from its name or else from its folder's.

    ``<video>_<code>_<number>``, ``clip_drink002``, ``drink002`` and ``walk`` all name one; a
    ``.mat`` clip may also say it in its variable ``cliptype``.
    """
    words = [re.sub(r"[0-9]+$", "", word) for word in clip.stem.lower().split("_")]
    # The recording's own name comes first in the full form and must not be taken for a code.
    known = [word for word in words[-3:][::-1] if word in _BEHAVIOUR_OF_CODE]
    if known:
        return _BEHAVIOUR_OF_CODE[known[0]]
    if clip.suffix.lower() == ".mat" and (kind := _clip_type(clip)) in _BEHAVIOUR_OF_CODE:
        return _BEHAVIOUR_OF_CODE[kind]
    if clip.parent.name.lower() in _BEHAVIOUR_OF_CODE:
        return _BEHAVIOUR_OF_CODE[clip.parent.name.lower()]
    raise InputError(
        f"{clip}: neither its name nor its folder's names a behaviour "
        f"({', '.join(MIT_BEHAVIOURS)}); rename it <video>_<behaviour>_<number>."
    )


def _clip_type(clip: Path) -> str:
    try:
        # Text only, and the first variable of that name, which is the one loadmat reads: cells
        # within cells would end the process.
        kinds = [kind for name, _, kind in scipy.io.whosmat(clip) if name == "cliptype"]
        if kinds[:1] != ["char"]:
            return ""
        value = scipy.io.loadmat(clip, variable_names=["cliptype"]).get("cliptype", "")
    except Exception as error:  # scipy raises whatever its parser trips over
        raise InputError(f"{clip} is not a complete MATLAB file; copy it again.") from error
    return str(np.ravel(value)[0]).strip().lower() if np.size(value) else ""
