# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Score your own recording
#
# A cage's folder and a recording of yours in; scores, alarms, a timeline and a video of the most anomalous moments
# out. Labels are not needed. Where there are some, it is said what of the alarms is right.

# %% tags=["parameters"]
# Parameters: what is scored, by which cage's detector, and at which threshold.
recording: list = 'data/simulated/full_database/simulated_day_05.mpg'  # videos, folders of images, or folders of these
cage: str = 'results/cages/simulated'  # a cage's folder, or a finished run's
budget: float = None  # false alarms an hour of normal video; None: as the cage says
threshold: str = None  # a number, or a file that the explorer saved; None: by the budget
score: str = 'both'  # both, image or flow; a saved threshold brings its own
start: float = 0.0  # seconds left out at the beginning
stop: float = None  # second to stop at; None: the end
labels: str = None  # label file; None: the one beside the video, if any
behaviour: str = None  # label that counts as anomalous; None: the run's target
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
frame_rates: str = 'refuse'  # refuse a recording of another frame rate than the cage's, or resample it
highlights: int = 5  # moments in the highlights video; 0: no video
highlight_seconds: float = 3.0  # length of each moment
clips: bool = False  # a film of each alarm too, in the recording's folder clips
anyway: bool = False  # write alarms though the detector or the recording failed the check
pattern: str = None  # how file names are made, for recordings.csv: '{cage}_{animal}_{date}_{time}'
backend: str = None  # Keras backend; None: the cage's
cores: int = 0  # processor cores to use; 0: all this process may use
engine: str = 'auto'  # what computes a network: openvino, keras, or auto for openvino where it is installed
precision: str = 'float32'  # arithmetic of openvino: float32, bfloat16, or auto for the faster one, which may vary

# %%
from cagewatch import cages, params, plots

plots.use_style()
given = params.read_cell(globals(), cages.ScoreParameters)
work = cages.plan_scoring(given)
print(work.level.words, work.level.warning or "", f"{len(work.sources)} recording(s).")

# %% [markdown]
# ## Scores and alarms
#
# Each recording is decoded once and scored piece by piece, so its length does not matter; what was scored before is kept. The score is
# averaged over a second; an alarm begins at the threshold, lasts until the score is well below it, and alarms close together are one.
# `cage.yaml` sets all that. The results are in the cage's folder, `scored/<recording>/`.

# %%
outcome = cages.score_all(work)
print(f"{len(outcome.scored)} scored, {len(outcome.kept)} kept from before, {len(outcome.failed)} failed.")
for name, reason in outcome.failed.items():
    print(f"{name}: {reason}")

# %% [markdown]
# ## Can they be believed?
#
# A detector that has learnt nothing gives scores too. Alarms are not written where a check failed, unless you say `anyway`.

# %%
for name in [*outcome.scored, *outcome.kept]:
    print(f"{name}: {outcome.held_back.get(name, 'nothing speaks against its alarms.')}")

# %% [markdown]
# ## Timeline
#
# Of the first few recordings. The dotted line is the threshold; alarms are the strip above the axes. Look for scores that rise and fall
# with something in the cage. A score that drifts over the whole recording is light, bedding or focus, not behaviour.

# %%
from cagewatch.cages import results
from cagewatch.cages.film import show_moments

names = [*outcome.scored, *outcome.kept][:4]
shown = [cages.read_result(work.folder(name), work.sources[name], work.level) for name in names]
for one in shown:
    results.plot_timeline(one, work.level)

# %% [markdown]
# ## What of it is right, where there are labels

# %%
results.tabulate_events(dict(zip(names, shown, strict=True)))

# %% [markdown]
# ## The most anomalous moments
#
# The moments around the highest scores, those of alarms first, as in `highlights.mp4`. Others are below the threshold and show
# what came nearest to one.

# %%
for one in shown if given.highlights else []:
    show_moments(one, given.highlights, given.highlight_seconds)

# %% [markdown]
# ## Alarms
#
# `alarms.csv` is plain (frames from 0, both ends belong to the alarm). `alarms_boris.csv` has the layout of a BORIS export with the
# columns that BORIS imports into an open observation; `alarms_boris.xlsx` is the same as the spreadsheet that BORIS asks for.

# %%
import pandas as pd

pd.read_csv(work.cage.folder / "alarms.csv")
