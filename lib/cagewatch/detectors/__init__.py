"""Detectors: whatever is fitted on normal recordings and gives every frame of a new one a score.

A detector is a module with two functions. ``fit(training)`` takes a `TrainingSet` and gives the
state, arrays by name. ``score(state, footage, parameters)`` takes a `Footage` and gives arrays by
column, one value for each frame, higher is more anomalous: 'score', and 'score_<stream>' or
'score_<member>' where the detector has parts. Where the state must be made ready once for many
recordings, ``prepare(state, parameters, computing)`` does so and `score` takes what it gives.

A further detector is such a module, one line in `DETECTORS` and a layer ``params/model/<name>``.
"""

from cagewatch.detectors.detector import Computing, Detector, fit_detector, load_detector
from cagewatch.detectors.footage import Footage, footage_of
from cagewatch.detectors.registry import DETECTORS, is_network
from cagewatch.detectors.training_set import TrainingSet
