"""Video files and folders of images: luminance frames in order with their time stamps."""

from cagewatch.video.ahead import read_ahead
from cagewatch.video.decode import (
    VIDEO_SUFFIXES,
    count_frames,
    probe,
    read_frames,
)
from cagewatch.video.frame_rate import FrameRates, same_rate, thin_frames
from cagewatch.video.seek import read_frames_at
from cagewatch.video.stills import IMAGE_SUFFIXES, list_images, natural_key

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "FrameRates",
    "count_frames",
    "list_images",
    "natural_key",
    "probe",
    "read_ahead",
    "read_frames",
    "read_frames_at",
    "same_rate",
    "thin_frames",
]
