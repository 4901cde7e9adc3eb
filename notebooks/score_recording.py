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
# A trained run and a recording of yours in; scores, flagged bouts, a timeline and a video of the most anomalous moments out.
# Labels are not needed. Where there are some, metrics appear as well.

# %% tags=["parameters"]
# Parameters: what is scored, by which run, and at which threshold.
recording: str = 'data/folder'  # a video, a folder of images, or a folder of videos
run: str = 'results/folder/anomaly/cae/seed-0'  # folder of a finished run
threshold: str = None  # a number, or a file that the explorer saved; None: by the rule
rule: str = None  # a rule of cagewatch.metrics.thresholds; None: eer, or a training quantile without labels
score: str = 'both'  # both, image or flow; a saved threshold brings its own
smoothing: int = 1  # frames averaged around each frame; a saved threshold brings its own
labels: str = None  # label file; None: the one beside the video, if any
behaviour: str = None  # label that counts as anomalous; None: the run's target
label_tolerance: int = 0  # frames by which labels and decoded video may differ in length
frame_rates: str = 'refuse'  # refuse a recording of another frame rate than the run's, or resample it
highlights: int = 5  # moments in the highlights video; 0: no video
highlight_seconds: float = 3.0  # length of each moment
output_dir: str = None  # folder for the results; None: scored/ in the run's folder
backend: str = 'tensorflow'  # Keras backend
cores: int = 0  # processor cores to use; 0: all this process may use
engine: str = 'auto'  # what computes the network: openvino, keras, or auto for openvino where it is installed
precision: str = 'auto'  # arithmetic of openvino: float32, bfloat16, or auto for the faster one

# %%
from cagewatch import params, runtime
from cagewatch.cages.score import ScoreParameters

chosen = params.read_cell(globals(), ScoreParameters)
cores = runtime.configure(chosen.backend, chosen.cores)
runtime.load_backend()

# %%
from cagewatch import explore, plots, score_recording
from cagewatch.runs.read import read_run

plots.use_style()
finished = read_run(chosen.run)
sources = score_recording.find_sources(chosen.recording)
level = score_recording.decide_threshold(finished, chosen)
print(f"threshold {level.value:.5g}, {level.words}; {len(sources)} recording(s)")

# %% [markdown]
# ## Scores
#
# Each recording is decoded once and scored piece by piece, so its length does not matter. The result is what the experiment would
# give for the same recording.

# %%
results = [score_recording.score_one(finished, source, level, chosen) for source in sources]
score_recording.summarise(results, level.value)

# %% [markdown]
# ## Timeline
#
# The dotted line is the threshold; flagged stretches are the strip above the axes. Look for scores that rise and fall with
# something in the cage. A score that drifts over the whole recording is light, bedding or focus, not behaviour.

# %%
for result in results:
    folder = score_recording.output_folder(chosen, finished, result.source)
    paths = score_recording.write_results(folder, result, finished.parameters.image_fps)
    figure = score_recording.plot_timeline(result, level.value)
    plots.save_figure(figure, folder, "timeline")
    print(*map(params.name_path, [*paths, folder / "timeline.png"]), sep="\n")

# %% [markdown]
# ## Metrics, where there are labels

# %%
for result in results:
    consequences = explore.weigh_threshold(result.scored, level.value)
    explore.show_consequences(result.scored, consequences, result.source.name)

# %% [markdown]
# ## The most anomalous moments
#
# The moments around the highest scores, highest first, with score and time drawn in. They need not be alarms: below the threshold
# they show what came nearest to one.

# %%
for result in results if chosen.highlights else []:
    folder = score_recording.output_folder(chosen, finished, result.source)
    moments = score_recording.cut_highlights(folder, result, level.value, chosen)
    score_recording.show_moments(result, moments)

# %% [markdown]
# ## Flagged bouts
#
# `bouts.csv` is plain (frames from 0, both ends belong to the bout). `bouts_boris.csv` has the layout of a BORIS export with the
# columns that BORIS imports into an open observation; `bouts_boris.xlsx` is the same as the spreadsheet that BORIS asks for.

# %%
score_recording.join_bouts(results)
