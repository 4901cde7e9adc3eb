"""The paper's artefacts: the notebook of each, the files it makes and the runs it reads.

The batch and the summary read this table. A file's name without its suffix is its name in the
gallery; a figure is made as svg and png, a table as csv, md and tex.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cagewatch.detectors.registry import NETWORKS

CAGE, BENCHMARK, SAMPLE = "home cage", "benchmark", "sample of real mice"
VARIED_TARGETS = ("hang", "groom", "anomaly")  # whose scores are varied: the paper's, a benchmark's
TWO_STREAM = ("rae", "cae")
KINDS = {"simulated": CAGE, "mit": CAGE, "mit_sample": SAMPLE} | dict.fromkeys(
    ("ped1", "ped2", "avenue", "avenue_vol"), BENCHMARK
)


class Artefact(NamedTuple):
    """One figure, table or section of the paper.

    Attributes
    ----------
    notebook : its name, without folder and suffix.
    title : as the summary names it.
    kinds : of datasets it applies to.
    figures, tables : names of the files it makes.
    targets : whose runs it reads, of every detector that the study has; empty if it reads none.
    needs : detectors of which there must be one.
    recordings : True if it reads the recordings and their stores themselves.
    """

    notebook: str
    title: str
    kinds: tuple[str, ...]
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    recordings: bool = False

    def files(self) -> list[str]:
        """Names of all files it makes in the dataset's folder of figures."""
        made = [f"{name}.{kind}" for name in self.figures for kind in ("svg", "png")]
        return made + [f"{name}.{kind}" for name in self.tables for kind in ("csv", "md", "tex")]

    @property
    def of_paper(self) -> bool:
        """Whether the paper has it, so that there is something to be compared with."""
        return not self.title.startswith("Beyond the paper")


ARTEFACTS = (
    Artefact(
        "figure_1_behaviours",
        "Figure 1, the two behaviours",
        (CAGE,),
        figures=("figure_1_behaviours",),
        recordings=True,
    ),
    Artefact(
        "figure_2_architectures",
        "Figure 2, the architectures",
        (CAGE, BENCHMARK),
        figures=("figure_2_rae", "figure_2_cae", "figure_2_alternates"),
    ),
    Artefact(
        "table_1_hyperparameters",
        "Table 1, hyperparameters",
        (CAGE, BENCHMARK),
        tables=("table_1",),
    ),
    Artefact(
        "section_2_3_clips",
        "Section 2.3, numbers of clips",
        (CAGE,),
        tables=("section_2_3_clips",),
        recordings=True,
    ),
    Artefact(
        "figure_3_roc_groom",
        "Figure 3, two-stream models on groom",
        (CAGE,),
        figures=("figure_3_roc_groom",),
        targets=("groom",),
        needs=TWO_STREAM,
    ),
    Artefact(
        "figure_4_roc_hang",
        "Figure 4, two-stream models on hang",
        (CAGE,),
        figures=("figure_4_roc_hang",),
        targets=("hang",),
        needs=TWO_STREAM,
    ),
    Artefact(
        "table_2_benchmark",
        "Table 2, the Avenue benchmark",
        (BENCHMARK,),
        figures=("roc",),
        tables=("table_2", "table_2_events", "table_2_pairs", "table_2_protocols"),
        targets=("anomaly",),
    ),
    Artefact(
        "section_3_4_alternates",
        "Section 3.4, alternate networks",
        (CAGE,),
        figures=("section_3_4_auc",),
        tables=("section_3_4", "section_3_4_pairs", "section_3_4_events"),
        targets=("hang", "groom"),
    ),
    Artefact(
        "difficulty",
        "Beyond the paper, how hard each behaviour is",
        (CAGE,),
        figures=("difficulty",),
        tables=("difficulty", "difficulty_models", "difficulty_pairs", "difficulty_events"),
        targets=("drink", "eat", "groom", "hang", "micromovement", "rear", "rest", "walk"),
        recordings=True,
    ),
    Artefact(
        "learning_curves",
        "Beyond the paper, how long a network must be trained",
        (CAGE, BENCHMARK),
        figures=("learning_curves",),
        tables=("learning_curves",),
        targets=VARIED_TARGETS,
        needs=NETWORKS,
    ),
    Artefact(
        "ablation_scores",
        "Beyond the paper, which score of the same errors",
        (CAGE, BENCHMARK),
        figures=("ablation_scores",),
        tables=("ablation_scores", "ablation_streams"),
        targets=VARIED_TARGETS,
        needs=("cae",),
        recordings=True,
    ),
    Artefact(
        "real_mice",
        "Beyond the paper, 100 seconds of real mice",
        (SAMPLE,),
        figures=("real_mice_roc", "real_mice_timeline", "real_mice_stills"),
        tables=("real_mice_rear", "real_mice_walk", "real_mice_groom", "real_mice_pairs"),
        targets=("rear", "walk", "groom"),
        recordings=True,
    ),
)


def artefacts_for(layout: str, targets: Sequence[str], models: Sequence[str]) -> list[Artefact]:
    """The artefacts that a study of these targets and models can make, in the paper's order.

    Of each artefact, the targets that the study lacks are left out; one that reads runs is not made
    without a target and one of the detectors it needs. A folder of one's own videos has none.
    """
    made = []
    for artefact in ARTEFACTS:
        own = artefact._replace(targets=tuple(one for one in artefact.targets if one in targets))
        able = not artefact.needs or set(artefact.needs) & set(models)
        enough = not artefact.targets or (own.targets and able)
        if KINDS.get(layout) in artefact.kinds and enough:
            made.append(own)
    return made
