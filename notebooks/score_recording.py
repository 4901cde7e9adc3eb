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
# A cage's folder and a recording of yours in; scores, flagged bouts, a timeline and a video of the most anomalous moments out.
# Labels are not needed. Where there are some, metrics appear as well.

# %% tags=["parameters"]
# Parameters: what is scored, by which cage's detector, and at which threshold.
recording: str = 'data/simulated/full_database/simulated_day_07.mpg'  # a video, a folder of images, or a folder of videos
cage: str = 'results/cages/simulated'  # a cage's folder, or a finished run's
threshold: str = None  # a number, or a file that the explorer saved; None: by the rule or the budget
rule: str = None  # a rule of cagewatch.metrics.thresholds; None: by the budget
budget: float = None  # false alarms an hour of normal video; None: as the cage says
score: str = 'both'  # both, image or flow; a saved threshold brings its own
smoothing: int = 1  # frames averaged around each frame; a saved threshold brings its own
labels: str = None  # label file; None: the one beside the video, if any
behaviour: str = None  # label that counts as anomalous; None: the run's target
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
frame_rates: str = 'refuse'  # refuse a recording of another frame rate than the cage's, or resample it
highlights: int = 5  # moments in the highlights video; 0: no video
highlight_seconds: float = 3.0  # length of each moment
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
from cagewatch import explore, plots
from cagewatch.cages import results, scoring
from cagewatch.cages.highlights import cut_highlights, show_moments

plots.use_style()
opened = cages.open_cage(params.project_root() / given.cage)
sources = scoring.find_sources(given.recording)
level = scoring.decide_threshold(opened, given)
print(f"threshold {level.value:.5g}, {level.words}; {len(sources)} recording(s)")

# %% [markdown]
# ## Scores
#
# Each recording is decoded once and scored piece by piece, so its length does not matter. The result is what the experiment would
# give for the same recording.

# %%
scored = [scoring.score_one(opened, source, level, given) for source in sources]
results.summarise(scored, level.value)

# %% [markdown]
# ## Timeline
#
# The dotted line is the threshold; flagged stretches are the strip above the axes. Look for scores that rise and fall with
# something in the cage. A score that drifts over the whole recording is light, bedding or focus, not behaviour.

# %%
for one in scored:
    folder = results.output_folder(given, opened, one.source)
    paths = results.write_results(folder, one, opened.run.parameters.image_fps)
    figure = results.plot_timeline(one, level.value)
    plots.save_figure(figure, folder, "timeline")
    print(*map(params.name_path, [*paths, folder / "timeline.png"]), sep="\n")

# %% [markdown]
# ## Metrics, where there are labels

# %%
for one in scored:
    consequences = explore.weigh_threshold(one.scored, level.value)
    explore.show_consequences(one.scored, consequences, one.source.name)

# %% [markdown]
# ## The most anomalous moments
#
# The moments around the highest scores, highest first, with score and time drawn in. They need not be alarms: below the threshold
# they show what came nearest to one.

# %%
for one in scored if given.highlights else []:
    folder = results.output_folder(given, opened, one.source)
    moments = cut_highlights(folder, one, level.value, given.highlights, given.highlight_seconds)
    show_moments(one, moments)

# %% [markdown]
# ## Flagged bouts
#
# `bouts.csv` is plain (frames from 0, both ends belong to the bout). `bouts_boris.csv` has the layout of a BORIS export with the
# columns that BORIS imports into an open observation; `bouts_boris.xlsx` is the same as the spreadsheet that BORIS asks for.

# %%
results.join_bouts(scored)
