// The explorer's page: controls, picture, numbers and timeline on one screen. The same code runs as
// a widget, where `link` asks the kernel, and in a saved page, where it holds a few pictures.

const CHUNK = 32; // frames fetched together
const KEPT = 2000; // pictures held in the page
const STEPS = 1000; // of the sliders
const NEAR_S = 0.5; // a saved page shows a kept picture this near to the cursor
const SCORES = {both: "whole", image: "image stream", flow: "flow stream"};

// Build the page in `element`; `link` has open(choice), save(threshold), frames(first, count), each
// optional, and `pictures`, a map of position to {url, caption}.
function build(element, link) {
  const box = document.createElement("div"), style = document.createElement("style");
  box.className = "cw"; box.tabIndex = 0; box.dataset.lmSuppressShortcuts = "true";
  box.innerHTML = LAYOUT; style.textContent = STYLE;
  element.append(style, box);
  const input = {}, output = {};
  box.querySelectorAll("[data-in]").forEach((one) => { input[one.dataset.in] = one; });
  box.querySelectorAll("[data-out]").forEach((one) => { output[one.dataset.out] = one; });
  const spin = box.querySelector(".cw-spin");
  const state = {data: null, tracks: [], from: 0, to: 0, at: 0, view: [0, 1], playing: false};
  let pictures = link.pictures || new Map(), asked = null, generation = 0, timer = null;

  const options = (select, entries, value) => {
    select.replaceChildren(...entries.map(([key, text]) => {
      const one = document.createElement("option");
      one.value = key; one.textContent = text; one.selected = String(key) === String(value);
      return one;
    }));
  };
  const say = (text) => { output.message.textContent = text; };
  const end = (i) => i < state.data.elapsed.length ? state.data.elapsed[i] : state.data.seconds;
  const lasts = (a, b) => state.data.timed ? clock(end(b) - state.data.elapsed[a]) : `${count(b - a)} frames`;
  // The last place from low to high that is `below`, where all before it are.
  const lastBelow = (low, high, below) => {
    while (low < high) { const mid = (low + high + 1) >> 1; if (below(mid)) low = mid; else high = mid - 1; }
    return low;
  };
  const recordingOf = (i) => lastBelow(0, state.data.names.length - 1, (k) => state.data.starts[k] <= i);
  const positionAt = (time) => lastBelow(state.from, state.to - 1, (i) => state.data.elapsed[i] <= time);

  // Data

  function open(data) {
    const {names, starts, anomalous} = data, main = data.tracks[0];
    state.data = data; state.tracks = data.tracks; state.playing = false;
    generation++; asked = null;
    if (!link.pictures) { pictures.forEach((one) => URL.revokeObjectURL(one.url)); pictures = new Map(); }
    data.bouts = !anomalous ? [] : weigh({...data, anomalous: null}, anomalous, 1).alarms;
    for (const track of data.tracks) Object.assign(track, extremesOf(track.score));
    data.shared = sharedStart(names);
    options(input.run, data.runs.map((text, index) => [index, text]), data.run);
    output.title.textContent = main.name;
    options(input.second, [["", "–"], ...data.others], data.second ?? "");
    options(input.score, data.scores.map((name) => [name, SCORES[name] || name]), data.chosen);
    input.smoothing.value = data.smoothing;
    options(input.rule, [["", "choose …"], ...data.rules.map(([name], index) => [index, name])], "");
    options(input.part, [["", `all ${names.length} · ${lasts(0, starts[names.length])}`],
      ...names.map((name, k) => [k, `${name} · ${lasts(starts[k], starts[k + 1])}`])], "");
    input.run.hidden = !link.open; output.title.hidden = Boolean(link.open);
    output.second.hidden = !link.open || !data.others.length;
    output.score.hidden = !link.open || data.scores.length < 2;
    output.smoothing.hidden = !link.open || Boolean(data.review);
    input.save.hidden = !link.save || Boolean(data.review);
    output["budget-name"].textContent = `${anomalous ? "false alarms" : "alarms"} per hour, at most`;
    input.budget.disabled = input["per-hour"].disabled = !main.budget.length;
    output.roc.hidden = !anomalous;
    output.review.hidden = !data.review;
    output.levels.hidden = output.rule.hidden = Boolean(data.review);
    if (data.review) input.run.hidden = !(output.title.hidden = false);
    if (data.review) output.title.textContent = data.runs[0];
    output.labels.replaceChildren(...(data.labels || []).map((label) => new Option(label)));
    output.labels.id ||= `cw-labels-${Math.random()}`;
    input.name.setAttribute("list", output.labels.id);
    drawKey();
    fit();
    state.at = 0;
    choosePart(null);
    if (data.review) goToAlarm(Math.max(0, data.review.findIndex((one) => !one.verdict)));
    else goTo(highest(state.from, state.to));
    if (document.activeElement === document.body) box.focus({preventScroll: true});
  }
  function drawKey() {
    const parts = [], {data, tracks} = state;
    const put = (text, mark = "") => {
      const one = document.createElement("b");
      one.append(mark, text); parts.push(one);
      return one;
    };
    const swatch = (colour, text) => {
      const mark = document.createElement("i");
      mark.style.background = colour;
      put(text, mark);
    };
    if (data.simulated) put("simulated data").className = "cw-simulated";
    if (tracks.length > 1) tracks.forEach((track, k) => swatch(COLOURS.tracks[k], `${k ? "second" : "first"}: ${track.short}, ${k ? "lower" : "upper"} alarms`));
    if (data.anomalous) { swatch(COLOURS.bout, "true bout"); swatch(COLOURS.caught, "alarm in a bout"); swatch(COLOURS.wrong, "false alarm"); }
    else if (data.review) { swatch(COLOURS.alarm, "to decide"); swatch(COLOURS.accepted, "accepted"); swatch(COLOURS.rejected, "rejected"); }
    else swatch(COLOURS.alarm, "alarm");
    swatch(COLOURS.cursor, "now");
    put("click: go there · wheel: zoom · arrows: step · space: play" + (data.review ? " · n, p: next, previous alarm" : ""));
    output.key.replaceChildren(...parts);
    output.key.title = output.key.textContent;
  }
  function highest(from, to) {
    const {score} = state.tracks[0];
    let best = from;
    for (let i = from; i < to; i++) if (score[i] > score[best]) best = i;
    return best;
  }
  function choosePart(index) {
    const {data} = state;
    state.from = index === null ? 0 : data.starts[index];
    state.to = index === null ? data.frame.length : data.starts[index + 1];
    for (const track of state.tracks) {
      track.roc = rocOf(data, track.score, state.from, state.to);
      track.shares = sharesOf(data, track, state.from, state.to, 60);
    }
    whole();
    setThreshold(state.tracks[0].threshold);
    if (state.at < state.from || state.at >= state.to) goTo(highest(state.from, state.to));
  }
  const show = (begin, span) => {
    const [low, high] = [state.data.elapsed[state.from], end(state.to)];
    span = Math.min(span, high - low); begin = Math.min(Math.max(low, begin), high - span);
    state.view = [begin, begin + span];
    drawTimeline();
  };
  const whole = () => show(0, Infinity);

  // Threshold

  function setThreshold(value) {
    if (!Number.isFinite(value)) return;
    const {data, tracks: [main, ...rest]} = state;
    const held = (name) => document.activeElement === input[name];
    main.threshold = value;
    const slider = Math.round((value - main.low) / (main.high - main.low || 1) * (STEPS - 1));
    if (!held("slider")) input.slider.value = slider;
    input.typed.value = short(value); input.typed.title = String(value);
    if (main.budget.length) {
      let allowed = main.budget.findIndex((one) => one <= value);
      if (allowed < 0) allowed = main.budget.length - 1;
      if (!held("budget")) input.budget.value = budgetPosition(allowed);
      if (!held("per-hour")) input["per-hour"].value = short(allowed / data.hours);
      // The other detector at the same number of false alarms.
      for (const track of rest) track.threshold = track.budget[Math.min(allowed, track.budget.length - 1)];
    }
    for (const track of state.tracks) track.weighed = weigh(data, track.score, track.threshold, state.from, state.to);
    if (data.review) main.weighed.alarms = data.review.map((one) => [one.from, one.to, one.verdict]).sort((x, y) => x[0] - y[0]);
    drawNumbers(); drawTimeline(); drawSide(); tell();
  }
  const budgetScale = () => Math.log(Math.max(2, state.tracks[0].budget.length - 1));
  const budgetPosition = (allowed) => allowed && 1 + Math.round((STEPS - 1) * Math.log(allowed) / budgetScale());
  const allowedAt = (position) => position && Math.round(Math.exp((position - 1) / (STEPS - 1) * budgetScale()));
  const setAllowed = (allowed) => {
    const {budget} = state.tracks[0];
    setThreshold(budget[Math.min(Math.max(allowed, 0), budget.length - 1)]);
  };

  function drawNumbers() {
    const {data, tracks} = state, labelled = Boolean(data.anomalous);
    const row = (cells, header) => {
      const one = document.createElement("tr");
      for (const [text, key, colour] of cells) {
        const cell = document.createElement(header ? "th" : "td");
        cell.textContent = text;
        if (key) cell.dataset.n = key;
        if (colour) cell.style.color = colour;
        one.append(cell);
      }
      return one;
    };
    const head = (name) => row([[name], ...tracks.map((track, k) => [tracks.length > 1 ? ["first", "second"][k] : "", "", COLOURS.tracks[k]])], true);
    const line = (key, name, value, colour) => row([[name], ...tracks.map((track, k) => [value(track.weighed), k ? `${key}-2` : key, colour])]);
    const rows = [head("alarms"), line("alarms", "alarms", (w) => count(w.alarms.length))];
    if (labelled) {
      rows.push(line("caught", "in a true bout", (w) => count(w.alarms.length - w.falseAlarms), COLOURS.caught),
        line("false", "false", (w) => count(w.falseAlarms), COLOURS.wrong));
      if (data.timed) rows.push(line("false-per-hour", "false alarms per hour", (w) => short(w.falseAlarmsPerHour)));
      rows.push(head("true bouts"), line("bouts", `caught of ${count(tracks[0].weighed.bouts)}`, (w) => count(w.boutsCaught)));
      if (data.timed) rows.push(line("delay", "delay, median", (w) => Number.isFinite(w.delay) ? `${w.delay.toFixed(2)} s` : "–"));
    } else if (data.timed) rows.push(line("per-hour", "alarms per hour", (w) => short(w.alarmsPerHour)));
    rows.push(head("frames"), line("flagged", `flagged of ${count(state.to - state.from)}`, (w) => count(w.flagged)));
    if (labelled) rows.push(line("recall", "anomalous ones flagged", (w) => percent(w.recall)),
      line("precision", "flagged ones anomalous", (w) => percent(w.precision)),
      line("fpr", "normal ones flagged", (w) => percent(w.falsePositiveRate)));
    if (data.review) {
      const decided = (verdict) => () => count(data.review.filter((one) => one.verdict === verdict).length);
      rows.splice(0, rows.length, head("alarms"), line("alarms", "alarms", () => count(data.review.length)),
        line("to-decide", "to decide", decided(""), COLOURS.alarm), line("accepted", "accepted", decided("accepted"), COLOURS.accepted),
        line("rejected", "rejected", decided("rejected")));
    }
    output.numbers.replaceChildren(...rows);
  }
  function drawSide() {
    if (!output.roc.hidden) paintRoc(output.roc, state.tracks);
    if (!output.histogram.hidden) paintHistogram(output.histogram, state.tracks[0], Boolean(state.data.anomalous));
  }
  let waiting = false;
  function drawTimeline() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (!state.data) return;
      const a = positionAt(state.view[0]), b = Math.min(state.to, positionAt(state.view[1]) + 1);
      paintTimeline(output.timeline, state, a, b, link.pictures ? pictures.keys() : []);
    });
  }
  function zoom(factor, around) {
    const [low, high] = state.view, least = (end(state.to) - state.data.elapsed[state.from]) / (state.to - state.from) * 8;
    const span = Math.max(least, (high - low) * factor);
    show(around - (around - low) / (high - low) * span, span);
  }

  // The cursor and its picture

  function goTo(position) {
    state.at = Math.min(Math.max(position, state.from), state.to - 1);
    const now = state.data.elapsed[state.at], [low, high] = state.view;
    if (now < low || now > high) show(now - (high - low) / 2, high - low);
    drawTimeline(); tell(); showPicture();
  }
  function tell() {
    const {data, at, tracks} = state, second = (i) => clock(data.time[i], 1);
    const time = data.timed ? clock(data.time[at], 2) : `frame ${count(data.frame[at])}`;
    const day = data.clocks?.[recordingOf(at)] ?? null;
    output.now.textContent = `${data.names[recordingOf(at)]} ${time}` + (day === null ? "" : `, at ${timeOfDay(day + data.time[at])}`);
    const {alarms} = tracks[0].weighed, number = alarms.findIndex(([from, to]) => from <= at && at < to);
    let text = alarms.length ? "no alarm here" : "nothing is flagged at this threshold";
    if (number >= 0) {
      const [from, to, caught] = alarms[number];
      text = (data.review ? "alarm" : `alarm ${number + 1} of ${alarms.length}`) + (data.timed ? `, ${second(from)} to ${second(to - 1)}` : "")
        + (!data.anomalous ? "" : caught ? ", in a true bout" : ", false");
    }
    const scores = tracks.map((track) => short(track.score[at])).join(" and ");
    output.where.textContent = output.where.title = `score ${scores} · ${text}`;
  }
  function nearest(at) {
    if (!link.pictures) return pictures.get(at);
    let best = null, distance = NEAR_S + 1e-9;
    for (const [position, one] of pictures) {
      const apart = Math.abs(state.data.elapsed[position] - state.data.elapsed[at]);
      if (apart < distance && recordingOf(position) === recordingOf(at)) { best = one; distance = apart; }
    }
    return best;
  }
  function showPicture() {
    const one = nearest(state.at);
    spin.hidden = Boolean(one) || !link.frames;
    if (one || !link.frames) {
      if (one?.url) output.picture.src = one.url; else output.picture.removeAttribute("src");
      output.caption.textContent = output.caption.title = one?.caption || "";
      output.absent.textContent = one?.url ? "" : one ? one.problem || "There is no picture of this moment."
        : pictures.size ? `This page keeps pictures of ${pictures.size} moments: those marked below the score.`
        : "This page keeps no pictures.";
    }
    if (!link.frames) return;
    if (!one) { clearTimeout(timer); timer = setTimeout(() => ask(state.at), state.playing ? 0 : 100); }
    else if (state.playing) ask(Math.min(state.at + CHUNK, state.to - 1));
  }
  async function ask(at) {
    if (pictures.has(at) || asked !== null) return;
    const {starts} = state.data, k = recordingOf(at), mine = generation;
    const first = starts[k] + Math.floor((at - starts[k]) / CHUNK) * CHUNK;
    const many = Math.min(CHUNK, starts[k + 1] - first);
    asked = first;
    const got = await link.frames(first, many).catch(() => null);
    if (mine !== generation) return;
    asked = null;
    if (!got) return;
    for (let i = 0; i < many; i++) pictures.set(first + i, got[i] || {});
    for (const [position, one] of pictures) {
      if (pictures.size <= KEPT) break;
      if (one.url) URL.revokeObjectURL(one.url);
      pictures.delete(position);
    }
    showPicture();
  }
  // Review: alarms are taken in the order given, highest score first.

  function goToAlarm(k) {
    const {review} = state.data;
    if (!review.length) return;
    state.alarm = (k + review.length) % review.length;
    const one = review[state.alarm];
    input.name.value = one.name; input.note.value = one.note;
    if (one.from < state.from || one.from >= state.to) { input.part.value = ""; choosePart(null); }
    tellVerdict();
    goTo(one.from);
  }
  function tellVerdict() {
    const {review} = state.data, one = review[state.alarm];
    output.verdict.textContent = `${state.alarm + 1} of ${review.length}: ${one.verdict || "to decide"}${one.reason ? `, ${one.reason}` : ""}`;
    output.verdict.style.color = COLOURS[one.verdict] || COLOURS.alarm;
  }
  // Until the kernel has answered no key counts, or it would be for another alarm.
  function saving() {
    state.saving = true;
    output.verdict.textContent = "saving …";
  }
  function decide(verdict) {
    if (!state.data.review?.length || state.saving) return;
    if (state.playing) play();
    saving();
    link.decide({alarm: state.alarm, verdict, name: input.name.value, note: input.note.value});
  }
  function undo() {
    if (state.saving) return;
    saving();
    link.undo();
  }
  // What the kernel has saved: only then does the page go on.
  function decided({decided: rows, at, text}) {
    const {data} = state, wasUndo = text !== "saved";
    rows.forEach((one, k) => Object.assign(data.review[k], one));
    state.saving = false; say(text);
    setThreshold(state.tracks[0].threshold);
    goToAlarm(wasUndo ? at ?? state.alarm : state.alarm + 1);
  }
  const failed = (text) => { state.saving = false; say(text); tellVerdict(); };

  function stepAlarm(by) {
    if (state.data.review) { goToAlarm(state.alarm + by); return; }
    const {alarms} = state.tracks[0].weighed;
    if (!alarms.length) return;
    const next = by > 0 ? alarms.find(([from]) => from > state.at) || alarms[0]
      : alarms.filter(([, to]) => to <= state.at).pop() || alarms[alarms.length - 1];
    goTo(highest(next[0], next[1]));
  }
  function play() {
    state.playing = !state.playing;
    input.play.textContent = state.playing ? "❚❚ pause" : "▶ play";
    let before = performance.now(), behind = 0;
    const tick = (now) => {
      if (!state.playing || !box.isConnected) return;
      behind = link.frames && !pictures.has(state.at) ? 0 : behind + (now - before) / 1000;
      before = now;
      let at = state.at;
      const length = (i) => state.data.timed ? end(i + 1) - state.data.elapsed[i] : 1 / 25;
      while (at + 1 < state.to && behind >= length(at)) { behind -= length(at); at++; }
      if (at !== state.at) goTo(at);
      if (at + 1 >= state.to) play(); else requestAnimationFrame(tick);
    };
    if (state.playing) requestAnimationFrame(tick);
    showPicture();
  }

  // What the controls do

  const on = (name, event, act) => input[name].addEventListener(event, act);
  const choose = () => link.open?.({run: Number(input.run.value), score: input.score.value,
    smoothing: Math.max(1, Number(input.smoothing.value) || 1),
    second: input.second.value === "" ? null : Number(input.second.value)});
  for (const name of ["run", "score", "smoothing", "second"]) on(name, "change", choose);
  on("part", "change", () => choosePart(input.part.value === "" ? null : Number(input.part.value)));
  on("slider", "input", () => {
    const {low, high} = state.tracks[0];
    setThreshold(low + Number(input.slider.value) * (high - low || 1) / (STEPS - 1));
  });
  on("typed", "change", () => setThreshold(Number(input.typed.value)));
  on("budget", "input", () => setAllowed(allowedAt(Number(input.budget.value))));
  on("per-hour", "change", () => setAllowed(Math.floor(Number(input["per-hour"].value) * state.data.hours + 1e-9)));
  on("rule", "change", () => { if (input.rule.value !== "") setThreshold(state.data.rules[input.rule.value][1]); });
  on("save", "click", () => link.save(state.tracks[0].threshold));
  on("before", "click", () => stepAlarm(-1));
  on("after", "click", () => stepAlarm(1));
  on("play", "click", play);
  on("all", "click", whole);
  on("in", "click", () => zoom(.5, state.data.elapsed[state.at]));
  on("out", "click", () => zoom(2, state.data.elapsed[state.at]));
  on("accept", "click", () => decide("accepted"));
  on("reject", "click", () => decide("rejected"));
  on("undo", "click", undo);
  for (const name of ["name", "note"]) on(name, "keydown", (event) => {
    if (event.key === "Enter") { box.focus({preventScroll: true}); decide("accepted"); }
    if (event.key === "Escape") box.focus({preventScroll: true});
  });
  // Once a control is let go of, keys belong to the timeline again.
  for (const name of ["slider", "budget", "play", "before", "after", "accept", "reject", "undo"]) on(name, "pointerup", () => box.focus({preventScroll: true}));
  const plot = output.timeline;
  const point = (event) => timeAt(state.view, event.clientX - plot.getBoundingClientRect().left, plot.clientWidth);
  plot.addEventListener("pointerdown", (event) => { plot.setPointerCapture(event.pointerId); goTo(positionAt(point(event))); });
  plot.addEventListener("pointermove", (event) => { if (event.buttons & 1) goTo(positionAt(point(event))); });
  plot.addEventListener("wheel", (event) => {
    event.preventDefault();
    const span = state.view[1] - state.view[0];
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) show(state.view[0] + span * event.deltaX / plot.clientWidth, span);
    else zoom(event.deltaY < 0 ? .8 : 1.25, point(event));
  }, {passive: false});
  plot.addEventListener("dblclick", whole);
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const typing = event.target.matches("select, input:not([type=range])") || event.target.matches("[type=range]") && event.key.startsWith("Arrow");
    if (state.saving) { event.preventDefault(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing || !state.data) return;
    const by = event.shiftKey ? 10 : 1;
    const act = {ArrowLeft: () => goTo(state.at - by), ArrowRight: () => goTo(state.at + by),
      " ": play, n: () => stepAlarm(1), p: () => stepAlarm(-1),
      ...(state.data.review && {a: () => decide("accepted"), r: () => decide("rejected"), u: undo,
        m: () => { input.name.focus(); input.name.select(); }})}[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  // All of it on one screen, below what stands above it; deep in a notebook a screen of its own.
  function fit() {
    // In JupyterLab not the window scrolls but a panel in it.
    let panel = null;
    for (let one = box.parentElement; one && one !== document.body; one = one.parentElement)
      if (/auto|scroll/.test(getComputedStyle(one).overflowY)) panel = one;
    const around = panel?.getBoundingClientRect();
    const seen = panel ? Math.min(window.innerHeight, around.bottom) - Math.max(0, around.top) : window.innerHeight;
    const above = box.getBoundingClientRect().top + (panel ? panel.scrollTop - around.top : window.scrollY);
    const room = seen - (above < 0.4 * seen ? above : panel ? 0 : 60) - 12;
    const height = Math.min(1000, Math.max(560, room));
    box.style.height = `${height}px`;
    // Where the numbers leave little room, the ROC has it.
    output.histogram.hidden = Boolean(state.data?.review || state.data?.anomalous && height < 700);
  }
  window.addEventListener("resize", fit);
  new ResizeObserver(() => { fit(); if (state.data) { drawTimeline(); drawSide(); } }).observe(box);
  new ResizeObserver(fit).observe(document.body);
  const none = (text) => {
    box.replaceChildren(text);
    box.className = "cw-none";
  };
  return {open, say, state, none, decided, failed};
}

// What describes a run, with its arrays from their bytes.
function attach(about, bytes) {
  const array = (Kind, name) => {
    const view = bytes[name];
    return view ? new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : null;
  };
  const tracks = about.tracks.map((track, k) => ({...track, score: array(Float64Array, k ? "second" : "score")}));
  return {...about, tracks, elapsed: array(Float64Array, "elapsed"), time: array(Float64Array, "time"),
    frame: array(Int32Array, "frame"), anomalous: array(Uint8Array, "anomalous")};
}

// As a widget: the kernel is asked for runs and frames.
function render({model, el}) {
  const answers = [];
  const page = build(el, {
    open: (choice) => { page.say("reading the run …"); model.send({kind: "open", ...choice}); },
    save: (threshold) => model.send({kind: "save", threshold}),
    decide: (decision) => model.send({kind: "decide", ...decision}),
    undo: () => model.send({kind: "undo"}),
    frames: (first, many) => new Promise((done) => { answers.push(done); model.send({kind: "frames", first, count: many}); }),
  });
  const hear = (message, buffers) => {
    const bytes = (buffers || []).map((one) => new Uint8Array(one.buffer || one, one.byteOffset || 0, one.byteLength));
    if (message.kind === "none") page.none(message.text);
    else if (message.kind === "say") page.say(message.text);
    else if (message.kind === "failed") page.failed(message.text);
    else if (message.kind === "decided") page.decided(message);
    else if (message.kind === "run") {
      page.say("");
      page.open(attach(message.about, Object.fromEntries(message.names.map((name, k) => [name, bytes[k]]))));
    } else if (message.kind === "frames") {
      if (message.text) page.say(message.text);
      answers.shift()?.(message.captions.map((caption, k) => ({caption, problem: message.text,
        url: bytes[k] && URL.createObjectURL(new Blob([bytes[k]], {type: "image/jpeg"}))})));
    }
  };
  model.on("msg:custom", hear);
  model.send({kind: "open"});
  return () => model.off("msg:custom", hear);
}

// As a saved page: everything lies in it.
async function openSaved(element, saved) {
  const unpack = async (text) => {
    const letters = atob(text), packed = new Uint8Array(letters.length);
    for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const bytes = {};
  for (const [name, text] of Object.entries(saved.arrays)) bytes[name] = await unpack(text);
  const pictures = new Map(saved.pictures.map(([position, caption, text]) => [position, {caption, url: `data:image/jpeg;base64,${text}`}]));
  const page = build(element, {pictures});
  page.open(attach(saved.about, bytes));
  return page;
}

export default {render};
