"""A simulated home cage, written in the on-disk layout of the MIT home-cage database."""

from cagewatch.simulate.ethogram import BEHAVIOURS, FITTED, Bout, draw_bouts, fit_ethogram
from cagewatch.simulate.render import recording_bouts, recording_poses, render_frames
from cagewatch.simulate.writer import VERSION, name_recordings, write_dataset
