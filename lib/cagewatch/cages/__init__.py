"""Own cages: a folder of videos in, a detector, scores, alarms and moments to review out."""

from cagewatch.cages.cage import Cage, open_cage
from cagewatch.cages.plan import Plan, TrainParameters, plan_training, show_region
from cagewatch.cages.scoring import ScoreParameters, choose_threshold, score
from cagewatch.cages.train import fit, train_cage

__all__ = [
    "Cage",
    "Plan",
    "ScoreParameters",
    "TrainParameters",
    "choose_threshold",
    "fit",
    "open_cage",
    "plan_training",
    "score",
    "show_region",
    "train_cage",
]
