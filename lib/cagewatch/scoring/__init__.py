"""From a detector and a recording to a table with one score per frame."""

from cagewatch.scoring.curve import watch_training
from cagewatch.scoring.source import open_source, score_source
from cagewatch.scoring.table import SCORE_COLUMNS, score_recordings
