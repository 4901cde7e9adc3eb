"""The normal recordings that a detector is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cagewatch.clips import ClipIndex, index_training_clips, labels_of, split_clips, trained_frames
from cagewatch.detectors.footage import Footage, footage_of, limit_frames
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.recordings import Recording
from cagewatch.store import Store, preprocessing_of


@dataclass(frozen=True)
class TrainingSet:
    """Normal recordings, as footage or as clips, and where a long fit keeps what it has reached.

    Attributes
    ----------
    recordings : to train on; the target's frames are left out of all that is handed out.
    stores : their gray and flow, by name.
    parameters : of the run; `max_train_clips`, where it applies, bounds what is looked at.
    folder : where a network writes its checkpoint and its history.
    after_epoch : called with the network and the history's row after each epoch; training ends
        where it gives True.
    """

    recordings: Sequence[Recording]
    stores: Mapping[str, Store]
    parameters: Parameters
    folder: Path
    after_epoch: Callable[[Any, dict[str, float]], bool | None] | None = None

    @cached_property
    def index(self) -> ClipIndex:
        """All training clips, those to validate on among them."""
        return index_training_clips(self.recordings, self.stores, self.parameters)

    @cached_property
    def clips(self) -> tuple[ClipIndex, ClipIndex]:
        """Clips to train on and clips to validate on."""
        return split_clips(self.index, self.parameters)

    @cached_property
    def footage(self) -> list[Footage]:
        """The recordings without the target's frames, none where nothing is left.

        With `max_train_clips` at most the frames that so many clips span, in pieces spread evenly
        over all recordings. InputError if no normal frame is left.
        """
        found = []
        for recording in self.recordings:
            store = self.stores[recording.name]
            kept = trained_frames(recording, len(store), self.parameters)
            labelled = labels_of(recording, len(store), self.parameters)
            if labelled is not None:  # a classifier is trained on the target's frames as well
                kept &= ~labelled.is_target(self.parameters.target)
            found.append(footage_of(recording, preprocessing_of(self.parameters), store, kept))
        if not any(map(len, found)):
            raise InputError(
                f"No training frame is left without {self.parameters.target!r}; choose other"
                " train_recordings or another target."
            )
        if self.parameters.max_train_clips:
            span = self.parameters.clip_length * self.parameters.frame_stride
            found = limit_frames(found, self.parameters.max_train_clips * span)
        return [one for one in found if len(one)]

    def only(self, names: Collection[str], parameters: Parameters, folder: Path) -> TrainingSet:
        """Some of the recordings, for another detector; what was measured of them is kept.

        The frames to train on must be the same for both detectors' parameters.
        """
        recordings = [one for one in self.recordings if one.name in names]
        part = TrainingSet(recordings, self.stores, parameters, folder)
        # A cached property is kept under its name.
        part.__dict__["footage"] = [one for one in self.footage if one.name in names]
        return part
