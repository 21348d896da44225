// The page: what is chosen is sent as an order, and its job is followed to the picture.

import { ask, capital, follow, over } from "/page/api.js";
import * as choose from "/page/choose.js";
import * as form from "/page/form.js";
import * as sheet from "/page/sheet.js";
import { show } from "/page/viewer.js";

const KEY = "impasto-jobs"; // ids of the jobs of this browser, the newest last
const LARGER = [512, 1024, 2048, 4096];
const by = (id) => document.getElementById(id);

let current = null; // the job on the stage
let unfollow = () => {};
let asked = 0; // estimates
let spoken = "";

let kept = null; // where the browser keeps nothing for us
function remembered() {
  if (kept) return kept;
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter((one) => typeof one?.id === "string") : [];
  } catch {
    return [];
  }
}

function remember(jobs) {
  const newest = jobs.slice(-60);
  try {
    localStorage.setItem(KEY, JSON.stringify(newest));
  } catch {
    kept = newest;
  }
}

function say(words) {
  if (words !== spoken) by("says").textContent = spoken = words;
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function order() {
  const { photo, styles } = choose.chosen();
  return { content: photo.id, styles: styles.map((one) => one.id), ...form.values() };
}

function changed() {
  by("settings").textContent = "";
  const { photo, styles } = choose.chosen();
  by("paint").disabled = by("vary").disabled = !photo.id || !styles.length;
  by("paint-error").textContent = form.blame("");
  by("cost").textContent = photo.id ? "" : "Choose a photograph to begin.";
  if (photo.id && !current) showPhotograph();
  if (photo.id) estimate();
}

let timer;
function estimate() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const number = ++asked;
    by("cost").textContent = "Working out what it will take …";
    try {
      const cost = await ask("/api/estimates", { method: "POST", json: order() });
      if (number !== asked) return;
      by("cost").textContent = cost.untold
        ? `What it will take is ${cost.untold}.`
        : `${cost.width} × ${cost.height} pixels, about ${clock(cost.seconds)}, ${(cost.memory / 1e9).toFixed(1)} GB of memory`;
    } catch (error) {
      if (number !== asked) return;
      by("cost").textContent = "";
      by("paint-error").textContent = form.blame(error.message);
    }
  }, 350);
}

function showPhotograph() {
  const { photo } = choose.chosen();
  stageIsFull();
  show({ picture: photo.address, width: photo.width, height: photo.height, words: "The photograph" });
}

function stageIsFull() {
  by("empty").hidden = true;
  by("canvas").hidden = false;
}

by("choices").onsubmit = async (event) => {
  event.preventDefault();
  if (form.valid()) await paint(order(), names(choose.chosen().styles), by("paint-error"));
};

// What to call the files in a command.
function names(styles) {
  return { photo: choose.chosen().photo.name, styles: styles.map((one) => one.name) };
}

async function paint(what, called, error) {
  error.textContent = "";
  by("paint").disabled = true;
  try {
    const job = await ask("/api/jobs", { method: "POST", json: what });
    remember([...remembered(), { id: job.id, photo: what.content, styles: what.styles, names: called }]);
    watch(job.id);
    drawGallery();
    by("stage").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  } catch (problem) {
    error.textContent = form.blame(problem.message);
  } finally {
    by("paint").disabled = false;
    if (document.activeElement === document.body) by("paint").focus({ preventScroll: true });
  }
}

// Every chosen painting at four strengths, small: each is a job, and the page only looks at them.
by("vary").onclick = async () => {
  if (!form.valid()) return;
  const { styles } = choose.chosen();
  const error = by("paint-error");
  error.textContent = styles.length > sheet.MOST ? `A sheet has the first ${sheet.MOST} paintings.` : "";
  by("vary").disabled = true;
  const mine = remembered().filter((one) => !one.sheet);
  try {
    for (const { style, strength, order: what } of sheet.orders(order(), styles)) {
      const job = await ask("/api/jobs", { method: "POST", json: what });
      mine.push({ id: job.id, photo: what.content, styles: what.styles, names: names([style]), sheet: { style: style.name, strength } });
    }
  } catch (problem) {
    error.textContent = problem.message;
  }
  for (const old of remembered().filter((one) => one.sheet)) ask(`/api/jobs/${old.id}`, { method: "DELETE" }).catch(() => {});
  remember(mine);
  showSheet();
  by("vary").disabled = false;
};

function showSheet() {
  sheet.show(remembered().filter((one) => one.sheet), watch);
}

function watch(id) {
  unfollow();
  current = id;
  by("job-error").textContent = "";
  by("notes").replaceChildren();
  by("result").hidden = true;
  unfollow = follow(id, told, (error) => {
    by("job-error").textContent = error.message;
    if (error.status !== 404) return; // it is looked for again
    forget(id);
    by("progress").hidden = true;
  });
}

function forget(id) {
  remember(remembered().filter((one) => one.id !== id));
  if (current === id) current = null;
  drawGallery();
}

function told(job) {
  if (job.id !== current) return;
  const mine = remembered().find((one) => one.id === job.id);
  if (job.width && (job.previews || job.finished)) {
    stageIsFull();
    const address = job.finished ? `/api/jobs/${job.id}/picture.png` : `/api/jobs/${job.id}/preview?${job.previews}`;
    by("tools").hidden = !mine;
    show({
      picture: address, photograph: mine && `/api/pictures/${mine.photo}`, width: job.width, height: job.height,
      words: job.finished ? "The painting" : "The painting as it emerges",
    });
  }
  if (over(job) && by("progress").contains(document.activeElement)) by("stage").focus({ preventScroll: true });
  by("progress").hidden = over(job);
  by("bar").toggleAttribute("value", true);
  if (job.fraction === undefined) by("bar").removeAttribute("value");
  else by("bar").value = job.fraction;
  by("where").textContent = where(job);
  by("stop").disabled = job.stopping;
  by("job-error").textContent = job.error ? capital(job.error) : "";
  by("notes").replaceChildren(...(job.notes ?? []).map((note) => choose.element("li", {}, capital(note))));
  if (over(job)) ended(job, mine);
  else say(job.state === "waiting" ? where(job) : `Painting at ${job.scale ?? "the first"} pixels`);
}

function where(job) {
  if (job.stopping) return "Stopping …";
  if (job.state === "waiting") return job.place > 1 ? `Waiting: ${job.place - 1} before it` : "Waiting: next";
  if (!job.scale) return "Getting ready …";
  const left = job.seconds_left === null ? "" : `, ${clock(job.seconds_left)} left`;
  return `${job.scale} px (${job.scales.indexOf(job.scale) + 1} of ${job.scales.length}), step ${job.step} of ${job.steps}${left}`;
}

function ended(job, mine) {
  by("result").hidden = !job.finished && !job.previews;
  by("as").hidden = by("larger").hidden = !job.finished;
  if (!job.finished && job.previews) {
    by("facts").replaceChildren("Ended in the middle of a step: its ");
    by("facts").append(choose.element("a", { href: `/api/jobs/${job.id}/preview`, download: "impasto-preview.jpg" }, "last preview"), " is what there is.");
  }
  say({ done: "The picture is done", stopped: "Stopped", failed: "It could not be painted" }[job.state]);
  if (job.finished) {
    for (const kind of ["png", "jpg", "webp", "tiff"]) by(`get-${kind}`).href = `/api/jobs/${job.id}/picture.${kind}`;
    by("get-tiff").hidden = !job.deep;
    const how = job.state === "stopped" ? `Stopped after ${job.evaluations} evaluations` : `Painted in ${clock(job.seconds)}`;
    by("facts").textContent = `${how}, ${job.width} × ${job.height} pixels`;
    by("copy").onclick = () => copy(job, mine);
    const sizes = LARGER.filter((one) => one > Math.max(job.width, job.height));
    by("larger").replaceChildren(...(job.state === "done" && mine ? sizes : []).map((size) => {
      const button = choose.element("button", { type: "button", class: "quiet" }, `Paint at ${size}`);
      button.onclick = () => paint({ content: mine.photo, styles: mine.styles, options: { size }, from: job.id }, mine.names, by("job-error"));
      return button;
    }));
  }
  drawGallery();
  if (choose.chosen().photo.id) estimate();
}

async function copy(job, mine) {
  let words = job.command;
  const called = mine?.names;
  const quoted = (name) => /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
  if (called) {
    words = words.replace(/\bPHOTO\b/, () => quoted(called.photo));
    called.styles.forEach((name, index) => {
      words = words.replace(new RegExp(`\\bSTYLE${called.styles.length > 1 ? index + 1 : ""}\\b`), () => quoted(name));
    });
  }
  try {
    await navigator.clipboard.writeText(words);
    by("copy").textContent = "Copied";
    setTimeout(() => { by("copy").textContent = "Copy as command"; }, 1500);
  } catch {
    by("facts").textContent = words;
  }
}

by("stop").onclick = async () => {
  by("stop").disabled = true;
  try {
    await ask(`/api/jobs/${current}`, { method: "DELETE" });
  } catch (error) {
    by("job-error").textContent = error.message;
  }
};

async function drawGallery() {
  const known = remembered();
  const jobs = await Promise.all(known.map((one) => ask(`/api/jobs/${one.id}`).catch((error) => error)));
  const gone = new Set(known.filter((_, index) => jobs[index].status === 404).map((one) => one.id));
  if (gone.size) remember(remembered().filter((one) => !gone.has(one.id)));
  const cells = new Set(known.filter((one) => one.sheet).map((one) => one.id));
  const shown = jobs.filter((job) => job.id && !cells.has(job.id) && (job.finished || job.previews || !over(job)));
  by("past").hidden = !shown.length;
  by("gallery").replaceChildren(...shown.reverse().map((job) => {
    const state = { done: "", stopped: "stopped, ", failed: "failed, " }[job.state] ?? `${job.state}, `;
    const size = job.width ? `${job.width} × ${job.height} pixels, ` : "";
    const words = `${state}${size}${new Date(job.made * 1000).toLocaleTimeString()}`;
    const button = choose.element("button", { type: "button", title: words, "aria-label": words, "aria-current": String(job.id === current) });
    if (job.previews) button.append(choose.element("img", { src: `/api/jobs/${job.id}/preview?${job.previews}`, alt: "", width: 112, height: 85 }));
    else button.textContent = job.state;
    button.onclick = () => watch(job.id);
    return button;
  }));
  return jobs;
}

by("recipe-file").onchange = async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  by("paint-error").textContent = "";
  try {
    const found = await ask("/api/recipes", { method: "POST", body: file });
    form.set(found.options);
    const styled = choose.chooseStyles(found.styles);
    if (found.content) choose.setPhoto(found.content, "the same photograph");
    const missing = [found.content ? null : "the photograph", styled ? null : "its painting"].filter(Boolean);
    const rest = missing.length ? ` Choose ${missing.join(" and ")} again: a picture does not hold them.` : "";
    changed();
    by("settings").textContent = `The settings are those of ${file.name}.${rest}`;
  } catch (error) {
    by("paint-error").textContent = error.message;
  }
};

async function start() {
  try {
    const definition = await ask("/api/form");
    form.start(definition, changed);
    choose.start(definition, changed);
  } catch (error) {
    by("paint-error").textContent = error.message;
    return;
  }
  changed();
  showSheet();
  const jobs = await drawGallery(); // a reload, or a second tab, finds what is being painted
  const busy = jobs.find((job) => job.state === "painting") ?? jobs.find((job) => job.state === "waiting") ?? jobs.filter((job) => job.finished).at(-1);
  if (busy) watch(busy.id);
}

start();
