// What follows from a threshold, counted in the page so that dragging is immediate; tests hold it
// against cagewatch.metrics. A `track` is one detector's score on the frames of `data`.

// What `threshold` does to frames a to b (exclusive); NaN where it cannot be computed.
function weigh(data, score, threshold, a = 0, b = score.length) {
  const {anomalous, starts, elapsed, seconds} = data;
  const out = {flagged: 0, frames: b - a, hits: 0, anomalousFrames: 0, falseAlarms: 0,
    alarms: [], bouts: 0, boutsCaught: 0, seconds: 0, normalSeconds: 0};
  const delays = [];
  let begun = -1, caught = false, bout = -1, found = -1;
  const endAlarm = (stop) => {
    if (begun < 0) return;
    out.alarms.push([begun, stop, caught]);
    if (anomalous && !caught) out.falseAlarms++;
    begun = -1; caught = false;
  };
  const endBout = () => {
    if (bout < 0) return;
    out.bouts++;
    if (found >= 0) { out.boutsCaught++; delays.push(elapsed[found] - elapsed[bout]); }
    bout = found = -1;
  };
  let next = starts.findIndex((start) => start > a);
  for (let i = a; i < b; i++) {
    if (i === starts[next]) { endAlarm(i); endBout(); next++; }
    const lasts = (i + 1 < elapsed.length ? elapsed[i + 1] : seconds) - elapsed[i];
    const on = score[i] >= threshold, truth = anomalous ? anomalous[i] === 1 : false;
    out.seconds += lasts;
    if (truth) {
      out.anomalousFrames++;
      if (bout < 0) bout = i;
      if (on && found < 0) found = i;
    } else { endBout(); out.normalSeconds += lasts; }
    if (on) {
      out.flagged++;
      if (begun < 0) begun = i;
      if (truth) { out.hits++; caught = true; }
    } else endAlarm(i);
  }
  endAlarm(b); endBout();
  delays.sort((x, y) => x - y);
  const middle = delays.length >> 1;
  out.delay = !delays.length ? NaN
    : delays.length % 2 ? delays[middle] : (delays[middle - 1] + delays[middle]) / 2;
  out.recall = out.hits / out.anomalousFrames;
  out.precision = out.hits / out.flagged;
  out.falsePositiveRate = (out.flagged - out.hits) / (out.frames - out.anomalousFrames);
  out.alarmsPerHour = out.alarms.length / (out.seconds / 3600);
  out.falseAlarmsPerHour = out.falseAlarms / (out.normalSeconds / 3600);
  return out;
}

// ROC of frames a to b: points [[fpr, tpr], ...] and the area; null without both classes.
function rocOf(data, score, a, b) {
  if (!data.anomalous) return null;
  let count = 0;
  for (let i = a; i < b; i++) count += data.anomalous[i];
  if (!count || count === b - a) return null;
  const sides = [new Float64Array(b - a - count), new Float64Array(count)], at = [0, 0];
  for (let i = a; i < b; i++) { const k = data.anomalous[i]; sides[k][at[k]++] = score[i]; }
  const [normal, rare] = sides.map((side) => side.sort());
  const points = [[0, 0]];
  let area = 0, last = [0, 0], i = normal.length, j = rare.length;
  while (i || j) {
    const level = Math.max(i ? normal[i - 1] : -Infinity, j ? rare[j - 1] : -Infinity);
    while (i && normal[i - 1] === level) i--;
    while (j && rare[j - 1] === level) j--;
    const point = [1 - i / normal.length, 1 - j / rare.length];
    area += (point[0] - last[0]) * (point[1] + last[1]) / 2;
    last = point;
    const shown = points[points.length - 1];
    if (point[0] - shown[0] + point[1] - shown[1] > 0.004) points.push(point);
  }
  points.push([1, 1]);
  return {points, area};
}

// The lowest and highest score of all, and of each `BLOCK` of frames, for a line of many.
const BLOCK = 64;
function extremesOf(score) {
  const count = Math.ceil(score.length / BLOCK);
  const lows = new Float64Array(count).fill(Infinity), ups = new Float64Array(count).fill(-Infinity);
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < score.length; i++) {
    const k = i >> 6, value = score[i];
    if (value < lows[k]) lows[k] = value;
    if (value > ups[k]) ups[k] = value;
  }
  for (let k = 0; k < count; k++) { low = Math.min(low, lows[k]); high = Math.max(high, ups[k]); }
  return {lows, ups, low, high};
}

// Shares of frames a to b in `bins` equal steps from low to high: of normal, of anomalous ones.
function sharesOf(data, track, a, b, bins) {
  const counts = [new Float64Array(bins), new Float64Array(bins)], totals = [0, 0];
  const scale = bins / (track.high - track.low || 1);
  for (let i = a; i < b; i++) {
    const kind = data.anomalous ? data.anomalous[i] : 0;
    counts[kind][Math.min(bins - 1, Math.floor((track.score[i] - track.low) * scale))]++;
    totals[kind]++;
  }
  return counts.map((one, kind) => one.map((v) => v / (totals[kind] || 1)));
}

const short = (value) => Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–";
const percent = (value) => Number.isFinite(value) ? `${(100 * value).toFixed(1)} %` : "–";
const count = (value) => value.toLocaleString("en");

// How many letters all of several names begin with, up to the last mark between words.
function sharedStart(names) {
  let many = names.length > 1 ? names[0].length : 0;
  for (const name of names) while (!name.startsWith(names[0].slice(0, many))) many--;
  return names[0].slice(0, many).search(/[^_\-. ]*$/);
}

// A recording's time: 0:12, 1:02:03, with so many digits after the seconds.
function clock(seconds, digits = 0) {
  if (!Number.isFinite(seconds)) return "–";
  const scale = 10 ** digits, whole = Math.round(seconds * scale) / scale;
  const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
  const s = (whole % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return (h ? `${h}:${String(m).padStart(2, "0")}` : `${m}`) + `:${s}`;
}
