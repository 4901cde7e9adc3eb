# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
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
recording: str = 'data/simulated/full_database/simulated_day_07.mpg'  # a video, a folder of images, or a folder of videos
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
anyway: bool = False  # write alarms though the detector or the recording failed the check
output_dir: str = None  # folder for the results; None: scored/ in the cage's folder
backend: str = 'tensorflow'  # Keras backend
cores: int = 0  # processor cores to use; 0: all this process may use
engine: str = 'auto'  # what computes a network: openvino, keras, or auto for openvino where it is installed
precision: str = 'float32'  # arithmetic of openvino: float32, bfloat16, or auto for the faster one, which may vary

# %%
from cagewatch import cages, params, runtime

given = params.read_cell(globals(), cages.ScoreParameters)
cores = runtime.configure(given.backend, given.cores)

# %%
from cagewatch import plots
from cagewatch.cages import results, scoring, verdict
from cagewatch.cages.highlights import cut_highlights, show_moments

plots.use_style()
cage = cages.open_cage(params.project_root() / given.cage)
sources = scoring.find_sources(given.recording)
level = cages.decide_level(cage, given.threshold, given.budget, given.score)
print(level.words, level.warning or "", f"{len(sources)} recording(s).")

# %% [markdown]
# ## Scores and alarms
#
# Each recording is decoded once and scored piece by piece, so its length does not matter. The score is averaged over a second; an
# alarm begins at the threshold, lasts until the score is well below it, and alarms close together are one. `cage.yaml` sets all that.

# %%
scored = [scoring.score_one(cage, source, level, given) for source in sources]
results.summarise(scored)

# %% [markdown]
# ## Can they be believed?
#
# A detector that has learnt nothing gives scores too. Alarms are not written where a check failed, unless you say `anyway`.

# %%
doubts = {one.source: verdict.doubt_alarms(cage, one.source, one.frames, one.alarms) for one in scored}
for source, doubt in doubts.items():
    print(f"{source.name}: {doubt or 'nothing speaks against its alarms.'}")

# %% [markdown]
# ## Timeline
#
# The dotted line is the threshold; alarms are the strip above the axes. Look for scores that rise and fall with something in the
# cage. A score that drifts over the whole recording is light, bedding or focus, not behaviour.

# %%
for one in scored:
    folder = results.output_folder(given, cage, one.source)
    believed = given.anyway or doubts[one.source] is None
    paths = results.write_results(folder, one, cage.run.parameters.image_fps, alarms=believed)
    figure = results.plot_timeline(one, level)
    plots.save_figure(figure, folder, "timeline")
    print(*map(params.name_path, [*paths, folder / "timeline.png"]), sep="\n")

# %% [markdown]
# ## What of it is right, where there are labels

# %%
results.tabulate_events(scored)

# %% [markdown]
# ## The most anomalous moments
#
# The moments around the highest scores, highest first, with score and time drawn in. They need not be alarms: below the threshold
# they show what came nearest to one.

# %%
for one in scored if given.highlights else []:
    folder = results.output_folder(given, cage, one.source)
    moments = cut_highlights(folder, one, level, given.highlights, given.highlight_seconds)
    show_moments(one, moments)

# %% [markdown]
# ## Alarms
#
# `alarms.csv` is plain (frames from 0, both ends belong to the alarm). `alarms_boris.csv` has the layout of a BORIS export with the
# columns that BORIS imports into an open observation; `alarms_boris.xlsx` is the same as the spreadsheet that BORIS asks for.

# %%
results.join_alarms(scored)
