"""Clips: which frames make up each of them, and batches of them."""

from cagewatch.clips.index import (
    ClipIndex,
    index_test_clips,
    index_training_clips,
    labels_of,
    measure_flow_scale,
    split_clips,
    tested_frames,
    trained_frames,
)
