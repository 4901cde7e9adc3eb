"""Spotting anomalous mouse behaviour in home-cage video without labels."""

import os

__version__ = "0.1.0"

# OpenCV reads this once, when it is loaded: a forged picture of a few kilobytes must not claim
# gigabytes. The bound is that of `cagewatch.video.MAX_PIXELS`.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))
