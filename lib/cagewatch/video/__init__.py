"""Video files and folders of images: luminance frames in order with their time stamps."""

from cagewatch.video.ahead import read_ahead
from cagewatch.video.clock import Clock, read_clock
from cagewatch.video.container import FALLBACK_FPS
from cagewatch.video.decode import (
    VIDEO_SUFFIXES,
    count_frames,
    probe,
    read_frames,
    say_assumed_rate,
)
from cagewatch.video.frame_rate import FrameRates, same_rate, thin_frames
from cagewatch.video.seek import read_frames_at, stamps_between
from cagewatch.video.stills import IMAGE_SUFFIXES, list_images, natural_key
