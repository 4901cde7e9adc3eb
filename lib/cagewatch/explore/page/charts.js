// What the page draws: ROC, histogram and the timeline, each on a canvas.

const COLOURS = {tracks: ["#333", "#CC79A7"], bout: "#f4e58c", caught: "#0072B2", wrong: "#D55E00",
  alarm: "#7B3FA0", cursor: "#009E73", kept: "#555", normal: "#9aa0a6",
  accepted: "#0072B2", rejected: "#9aa0a6"};
const PLOT = {left: 44, right: 8, top: 30, bottom: 20};
const TICKS = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400,
  21600, 43200, 86400];

// The pen of a canvas sized for its place, with its width and height.
function penOf(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const {clientWidth: width, clientHeight: height} = canvas;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across; canvas.height = down;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  return [pen, width, height];
}

function line(pen, points, colour, {width = 1, dashes = []} = {}) {
  pen.strokeStyle = colour; pen.lineWidth = width; pen.setLineDash(dashes); pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke(); pen.setLineDash([]);
}

function frameOf(pen, width, height, name, below) {
  const frame = {left: 34, right: width - 6, top: 16, bottom: height - 16};
  pen.fillStyle = "#222"; pen.textAlign = "left"; pen.textBaseline = "alphabetic";
  pen.fillText(name, frame.left, 11);
  pen.strokeStyle = "#bbb"; pen.lineWidth = 1;
  pen.strokeRect(frame.left + .5, frame.top + .5, frame.right - frame.left, frame.bottom - frame.top);
  pen.textAlign = "center"; pen.fillText(below, (frame.left + frame.right) / 2, height - 3);
  return frame;
}

function paintRoc(canvas, tracks) {
  const [pen, width, height] = penOf(canvas);
  if (!tracks[0].roc) {
    pen.fillText(`no ROC: all frames are ${tracks[0].weighed.anomalousFrames ? "anomalous" : "normal"}`, 4, 20);
    return;
  }
  const areas = tracks.map((track) => track.roc.area.toFixed(3)).join(" and ");
  const box = frameOf(pen, width, height, `ROC of frames, AUC ${areas}`, "share of normal frames flagged");
  const place = ([u, v]) => [box.left + u * (box.right - box.left), box.bottom - v * (box.bottom - box.top)];
  line(pen, [place([0, 0]), place([1, 1])], "#bbb");
  tracks.forEach((track, k) => {
    line(pen, track.roc.points.map(place), COLOURS.tracks[k], {width: 1.5});
    pen.fillStyle = COLOURS.tracks[k]; pen.beginPath();
    pen.arc(...place([track.weighed.falsePositiveRate, track.weighed.recall]), 4.5, 0, 7); pen.fill();
  });
  pen.fillStyle = "#222"; pen.textAlign = "right";
  pen.fillText("1", box.left - 4, box.top + 9); pen.fillText("0", box.left - 4, box.bottom);
}

function paintHistogram(canvas, track, labelled) {
  const [pen, width, height] = penOf(canvas);
  const name = labelled ? "scores: normal, anomalous (share of each)" : "scores of all frames";
  const box = frameOf(pen, width, height, name, `${short(track.low)} to ${short(track.high)}`);
  const most = Math.max(1e-9, ...track.shares[0], ...track.shares[1]);
  const across = (box.right - box.left) / track.shares[0].length;
  pen.globalAlpha = .8; pen.lineWidth = 1;
  track.shares.forEach((shares, kind) => {
    pen.fillStyle = kind ? COLOURS.bout : COLOURS.normal; pen.strokeStyle = "#6b5d00";
    shares.forEach((share, k) => {
      const tall = share / most * (box.bottom - box.top - 2), left = box.left + k * across;
      pen.fillRect(left, box.bottom - tall, across, tall);
      if (kind && tall > 1) pen.strokeRect(left + .5, box.bottom - tall, across - 1, tall);
    });
  });
  pen.globalAlpha = 1;
  const share = (track.threshold - track.low) / (track.high - track.low || 1);
  const at = box.left + Math.min(1, Math.max(0, share)) * (box.right - box.left);
  line(pen, [[at, box.top], [at, box.bottom]], "#000", {dashes: [3, 2]});
}

// Seconds since midnight as 18:05, with seconds where the axis is finer than a minute.
const timeOfDay = (t, every = 1) => {
  const pad = (value) => String(Math.floor(value)).padStart(2, "0");
  const text = `${pad(t / 3600 % 24)}:${pad(t / 60 % 60)}`;
  return every >= 60 ? text : `${text}:${every < 1 ? (t % 60).toFixed(1).padStart(4, "0") : pad(t % 60)}`;
};
const timeAt = (view, x, width) =>
  view[0] + (x - PLOT.left) / (width - PLOT.left - PLOT.right) * (view[1] - view[0]);

// Frames a to b of `state.data` in time: bouts, alarms, scores, thresholds, recordings' clocks and
// names, the cursor, and marks below at `marked` positions.
function paintTimeline(canvas, state, a, b, marked) {
  const [pen, width, height] = penOf(canvas);
  const {data, view, tracks, from, to, at} = state, {elapsed, anomalous, starts} = data;
  const bottom = height - PLOT.bottom, right = width - PLOT.right;
  const scale = (right - PLOT.left) / (view[1] - view[0]);
  const x = (time) => PLOT.left + (time - view[0]) * scale;
  const end = (i) => i < elapsed.length ? elapsed[i] : data.seconds;
  const bars = (spans, up, tall, colourOf) => { // those that fall on one pixel are drawn once
    let last = -1, before = null;
    for (const [start, stop, caught] of spans) {
      if (stop <= a || start >= b) continue;
      const colour = colourOf(caught);
      const begin = Math.max(PLOT.left, x(elapsed[start])), until = Math.min(right, x(end(stop)));
      if (until < last && colour === before) continue;
      last = Math.max(begin + 1.5, until); before = colour;
      pen.fillStyle = colour; pen.fillRect(begin, up, last - begin, tall);
    }
  };
  pen.save(); pen.beginPath(); pen.rect(PLOT.left, 0, right - PLOT.left, height); pen.clip();
  bars(data.bouts, PLOT.top, bottom - PLOT.top, () => COLOURS.bout);
  const tall = 11 / tracks.length;
  const kind = (caught) => typeof caught === "string" ? COLOURS[caught] || COLOURS.alarm : !anomalous ? COLOURS.alarm : caught ? COLOURS.caught : COLOURS.wrong;
  tracks.forEach((track, k) => bars(track.weighed.alarms, 17 + k * tall, tall - .5, kind));
  [...tracks.keys()].reverse().forEach((k) => {
    const track = tracks[k], top = Math.max(track.high, Math.min(track.threshold, 1.1 * track.high - .1 * track.low));
    const y = (v) => bottom - (v - track.low) / (top - track.low || 1) * (bottom - PLOT.top);
    paintScore(pen, track, k, x, y);
    line(pen, [[PLOT.left, y(track.threshold)], [right, y(track.threshold)]], k ? COLOURS.tracks[k] : "#000", {dashes: [4, 3]});
    if (!k) track.top = top;
  });
  data.names.forEach((name, k) => {
    if (starts[k + 1] > from && starts[k] < to) paintRecording(name, k);
  });
  pen.fillStyle = COLOURS.kept;
  for (const position of marked) pen.fillRect(x(elapsed[position]) - 1.5, bottom - 5, 3, 5);
  line(pen, [[x(elapsed[at]), 15], [x(elapsed[at]), bottom]], COLOURS.cursor, {width: 2});
  pen.restore();
  pen.strokeStyle = "#bbb"; pen.lineWidth = 1;
  pen.strokeRect(PLOT.left + .5, PLOT.top + .5, right - PLOT.left - 1, bottom - PLOT.top);
  pen.fillStyle = "#222"; pen.textAlign = "right";
  pen.fillText("alarms", PLOT.left - 4, 26);
  pen.fillText(short(tracks[0].top), PLOT.left - 4, PLOT.top + 12);
  pen.fillText("score", PLOT.left - 4, (PLOT.top + bottom) / 2 + 4);
  pen.fillText(short(tracks[0].low), PLOT.left - 4, bottom);

  // The line of one score; where frames are many, the lowest and highest of each column of pixels.
  function paintScore(pen, {score, lows, ups}, k, x, y) {
    pen.strokeStyle = COLOURS.tracks[k]; pen.lineWidth = 1; pen.beginPath();
    const many = b - a >= 2 * width, step = b - a >= 2 * BLOCK * width ? BLOCK : 1;
    const first = many ? a - a % step : Math.max(from, a - 1), last = many ? b : Math.min(to, b + 1);
    let column = null, low = Infinity, up = -Infinity, fresh = true;
    let next = starts.findIndex((start) => start > first);
    const put = () => {
      if (column === null) return;
      if (fresh) pen.moveTo(column, y(low)); else pen.lineTo(column, y(low));
      if (up > low) pen.lineTo(column, y(up));
      fresh = false; low = Infinity; up = -Infinity;
    };
    for (let i = first; i < last; i += step) {
      const here = many ? Math.round(x(elapsed[i])) : x(elapsed[i]), cut = i >= starts[next];
      if (here !== column || cut) { put(); column = here; }
      if (cut) { fresh = true; next++; }
      low = Math.min(low, step > 1 ? lows[i / BLOCK] : score[i]);
      up = Math.max(up, step > 1 ? ups[i / BLOCK] : score[i]);
    }
    put();
    pen.stroke();
  }

  // A recording's name above and its own clock below: the time of day where its start is known.
  function paintRecording(name, k) {
    const begin = elapsed[starts[k]], stop = end(starts[k + 1]);
    if (stop < view[0] || begin > view[1]) return;
    const [l, r] = [Math.max(PLOT.left, x(begin)), Math.min(right, x(stop))];
    const every = data.timed ? TICKS.find((one) => one * scale > 75) || 86400
      : 10 ** Math.ceil(Math.log10(75 / scale));
    line(pen, [[x(begin), 2], [x(begin), height]], "#888");
    pen.save(); pen.beginPath(); pen.rect(l, 0, r - l, height); pen.clip();
    pen.fillStyle = "#222"; pen.textAlign = "left"; pen.textBaseline = "alphabetic";
    pen.font = "bold 11px system-ui, sans-serif";
    const fits = pen.measureText(name).width < r - l - 6; // or else without what all begin with
    pen.fillText(fits ? name : "…" + name.slice(data.shared), l + 4, 12);
    pen.font = "11px system-ui, sans-serif"; pen.fillStyle = "#444"; pen.textAlign = "center";
    const day = data.clocks?.[k] ?? null;
    const offset = (data.timed ? data.time[starts[k]] + (day || 0) : 0) - begin;
    const until = Math.min(stop, view[1]) + offset;
    for (let t = Math.ceil((Math.max(begin, view[0]) + offset) / every) * every; t <= until; t += every) {
      const place = x(t - offset), text = !data.timed ? count(t) : day === null ? clock(t, every < 1 ? 1 : 0) : timeOfDay(t, every);
      line(pen, [[place, bottom], [place, bottom + 4]], "#bbb");
      if (place - l > 12 && r - place > 12) pen.fillText(text, place, height - 5);
    }
    pen.restore();
  }
}
