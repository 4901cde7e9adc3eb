"""Own cages: a folder of videos in, a detector, scores, alarms and moments to review out."""

from cagewatch.cages.alarms import choose_threshold, decide_level, tabulate_alarms
from cagewatch.cages.batch import Outcome, Work, plan_scoring, score_all
from cagewatch.cages.cage import Cage, open_cage
from cagewatch.cages.plan import Plan, TrainParameters, plan_training, show_region
from cagewatch.cages.results import read_result, show_held_out
from cagewatch.cages.scoring import ScoreParameters, score
from cagewatch.cages.train import fit, train_cage
