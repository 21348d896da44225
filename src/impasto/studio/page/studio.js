// The page: what is chosen is sent as an order, and its job is followed to the picture.

import { ask, capital, clock, follow, over } from "/page/api.js";
import * as choose from "/page/choose.js";
import * as form from "/page/form.js";
import { entry, remember, remembered } from "/page/memory.js";
import * as regions from "/page/regions.js";
import * as result from "/page/result.js";
import * as sheet from "/page/sheet.js";
import { show } from "/page/viewer.js";

const by = (id) => document.getElementById(id);

let current = null; // the job on the stage
let newest = null; // what was told of it last
let unfollow = () => {};
let asked = 0; // estimates
let spoken = "";

function say(words) {
  if (words !== spoken) by("says").textContent = spoken = words;
}

// What is to be sent, with the masks of the regions, which are sent before.
async function order() {
  const { photo, styles: chosen } = choose.chosen();
  const what = { content: photo.id, ...form.values() };
  const { styles, masks, kept } = await regions.ready();
  if (masks.length) what.options.content_mask = masks;
  const weights = what.options.style_weights?.split(",");
  if (weights?.length === chosen.length) what.options.style_weights = styles.map((one) => weights[chosen.indexOf(one)]).join();
  return { order: { ...what, styles: styles.map((one) => one.id) }, names: names(styles), kept };
}

function changed() {
  by("settings").textContent = "";
  const { photo, styles } = choose.chosen();
  regions.adapt({ photo, styles });
  by("paint").disabled = by("vary").disabled = !photo.id || !styles.length;
  by("paint-error").textContent = form.blame("");
  by("cost").textContent = photo.id ? "" : "Choose a photograph to begin.";
  if (photo.id && !current) showPhotograph();
  if (photo.id) estimate();
}

let timer;
function estimate() {
  clearTimeout(timer);
  if (regions.brushing()) return; // when it is done
  timer = setTimeout(async () => {
    const number = ++asked;
    by("cost").textContent = "Working out what it will take …";
    try {
      const cost = await ask("/api/estimates", { method: "POST", json: (await order()).order });
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
  regions.close();
  if (form.valid()) await paint(order, by("paint-error"));
};

// What to call the files in a command.
function names(styles) {
  return { photo: choose.chosen().photo.name, styles: styles.map((one) => one.name) };
}

async function paint(make, error) {
  error.textContent = "";
  by("paint").disabled = true;
  try {
    const { order: what, names: called } = await make();
    const job = await ask("/api/jobs", { method: "POST", json: what });
    remember([...remembered(), entry(job, what, called)]);
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
  regions.close();
  if (!form.valid()) return;
  const { styles } = choose.chosen();
  const error = by("paint-error");
  error.textContent = styles.length > sheet.MOST ? `A sheet has the first ${sheet.MOST} paintings.` : "";
  by("vary").disabled = true;
  const known = remembered().filter((one) => !one.sheet);
  try {
    const { order: whole, kept } = await order();
    for (const { style, strength, order: what } of sheet.orders(whole, styles, kept)) {
      const job = await ask("/api/jobs", { method: "POST", json: what });
      known.push({ ...entry(job, what, names([style])), sheet: { style: style.name, strength } });
    }
  } catch (problem) {
    error.textContent = problem.message;
  }
  for (const old of remembered().filter((one) => one.sheet)) ask(`/api/jobs/${old.id}`, { method: "DELETE" }).catch(() => {});
  remember(known);
  showSheet();
  by("vary").disabled = false;
};

function showSheet() {
  sheet.show(remembered().filter((one) => one.sheet), watch);
}

function watch(id) {
  regions.close();
  unfollow();
  current = id;
  newest = null;
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
  newest = job;
  const mine = remembered().find((one) => one.id === job.id);
  if (!regions.brushing()) showJob(job, mine);
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

function showJob(job, mine) {
  if (!job.width || !(job.previews || job.finished)) return;
  stageIsFull();
  const address = job.finished ? `/api/jobs/${job.id}/picture.png` : `/api/jobs/${job.id}/preview?${job.previews}`;
  by("tools").hidden = !mine;
  show({
    picture: address, photograph: mine && `/api/pictures/${mine.photo}`, width: job.width, height: job.height,
    words: job.finished ? "The painting" : "The painting as it emerges",
  });
}

// What lies on the stage when brushing begins or ends.
function onStage() {
  if (regions.brushing()) {
    showPhotograph();
    by("tools").hidden = false;
    return;
  }
  by("tools").hidden = true;
  if (newest) showJob(newest, remembered().find((one) => one.id === current));
  else showPhotograph();
  estimate();
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
  by("as").hidden = by("larger").hidden = by("masks").hidden = !job.finished;
  if (!job.finished && job.previews) {
    by("facts").replaceChildren("Ended in the middle of a step: its ");
    by("facts").append(choose.element("a", { href: `/api/jobs/${job.id}/preview`, download: "impasto-preview.jpg" }, "last preview"), " is what there is.");
  }
  say({ done: "The picture is done", stopped: "Stopped", failed: "It could not be painted" }[job.state]);
  if (job.finished) result.show(job, mine, (make) => paint(make, by("job-error")));
  drawGallery();
  if (choose.chosen().photo.id) estimate();
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

by("recipe-file").onchange = (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) openSettings(file, (error) => { by("paint-error").textContent = error.message; });
};

// What is dropped anywhere: a picture of Impasto's brings its settings, and any other one is the photograph
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => {
  if (event.defaultPrevented) return; // it has found its place
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) openSettings(file, () => choose.takeFile(file));
});

async function openSettings(file, failed) {
  by("paint-error").textContent = "";
  try {
    const found = await ask("/api/recipes", { method: "POST", body: file });
    const styled = choose.chooseStyles(found.styles);
    if (found.options.style_weights) found.options.style_weights = styled ? reordered(found) : "";
    form.set(found.options);
    if (found.content) choose.setPhoto(found.content, "the same photograph");
    const masked = found.masks.length > 0, whole = found.content && styled && found.masks.every(Boolean);
    changed();
    if (masked && whole) await regions.load(found.styles, found.masks);
    const missing = [found.content ? null : "the photograph", styled ? null : "its painting"].filter(Boolean);
    const rest = missing.length ? ` Choose ${missing.join(" and ")} again: a picture does not hold them.` : masked && !whole ? " Its regions are to be brushed again: a picture does not hold them." : "";
    by("settings").textContent = `The settings are those of ${file.name}.${rest}`;
  } catch (error) {
    failed(error);
  }
}

// The weights of the paintings as the page has them in a row, from a recipe that may name them otherwise, and twice.
function reordered({ styles, options }) {
  const weights = options.style_weights.split(",");
  return choose.chosen().styles.map((one) => weights[styles.indexOf(one.id)]).join();
}

async function start() {
  try {
    const definition = await ask("/api/form");
    form.start(definition, changed);
    choose.start(definition, changed);
    regions.start(onStage, say);
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
