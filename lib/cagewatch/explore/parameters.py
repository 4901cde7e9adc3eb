"""Parameters of the notebook explore_thresholds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cagewatch.params import NaturalInt, PositiveInt
from cagewatch.runs.read import KEY


class ExploreParameters(BaseModel):
    """Which run the explorer begins with, and at which threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    results_dir: str = Field(description="folder of the finished runs")
    dataset: str | None = Field(description="None: the first there is")
    target: str | None = Field(description="None: the first there is")
    model: str | None = Field(description="None: the first there is")
    seed: NaturalInt | None = Field(description="None: the first there is")
    rule: str | None = Field(description="None: EER, or a training quantile without labels")
    score: Literal["both", "image", "flow"] = Field(description="which score")
    smoothing: PositiveInt = Field(description="frames averaged around each frame")
    cores: NaturalInt = Field(description="processor cores to use; 0: all")

    def wanted(self) -> dict[str, Any]:
        """The run asked for: dataset, target, model and seed, None for any."""
        return {name: getattr(self, name) for name in KEY}
