// The page: what is chosen is sent as an order, and its job is followed to the picture.

import { ask, capital, clock, follow, over } from "/page/api.js";
import * as choose from "/page/choose.js";
import { stands } from "/page/files.js";
import * as form from "/page/form.js";
import { entry, remember, remembered } from "/page/memory.js";
import * as regions from "/page/regions.js";
import * as result from "/page/result.js";
import * as settings from "/page/settings.js";
import * as sheet from "/page/sheet.js";
import { show } from "/page/viewer.js";

const by = (id) => document.getElementById(id);

let current = null; // the job on the stage
let newest = null; // what was told of it last
let unfollow = () => {};
let asked = 0; // estimates
let spoken = "";
let sending = false; // an order

function say(words) {
  if (words !== spoken) by("says").textContent = spoken = words;
}

// What is to be sent, with the masks of the regions, which are sent before.
async function order() {
  const { photo: { id: content, name }, styles: chosen } = choose.chosen();
  const what = { content, ...form.values() };
  const { styles, masks, kept } = await regions.ready();
  if (masks.length) what.options.content_mask = masks;
  const weights = what.options.style_weights?.split(",");
  if (weights && weights.length !== chosen.length) throw new Error(`Style_weights: expected a weight for each of ${chosen.length} paintings`);
  if (weights) what.options.style_weights = styles.map((one) => weights[chosen.indexOf(one)]).join();
  return { order: { ...what, styles: styles.map((one) => one.id) }, names: { photo: name, styles: styles.map((one) => one.name) }, kept };
}

function changed() {
  by("settings").textContent = "";
  const { photo, styles } = choose.chosen();
  regions.adapt({ photo, styles });
  allow();
  by("paint-error").textContent = form.blame("");
  by("cost").textContent = photo.id ? "" : "Choose a photograph to begin.";
  if (photo.id && (!current || regions.brushing())) showPhotograph();
  if (photo.id) estimate();
}

// The buttons, unless an order is on its way.
function allow() {
  by("paint").disabled = by("vary").disabled = sending || !choose.chosen().photo.id;
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
      by("paint-error").textContent = refused(error);
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

// A sentence about an order that was refused, perhaps because the studio has its masks no more.
function refused(error) {
  regions.forget();
  return form.blame(error.message);
}

async function paint(make, error) {
  error.textContent = "";
  sending = true;
  allow();
  try {
    const { order: what, names: called } = await make();
    const job = await ask("/api/jobs", { method: "POST", json: what });
    remember([...remembered(), entry(job, what, called)]);
    watch(job.id);
    drawGallery();
    by("stage").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  } catch (problem) {
    error.textContent = refused(problem);
  } finally {
    sending = false;
    allow();
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
  sending = true;
  allow();
  const known = remembered().filter((one) => !one.sheet);
  try {
    const { order: whole, names, kept } = await order();
    for (const { style, strength, order: what } of sheet.orders(whole, styles, await kept())) {
      const job = await ask("/api/jobs", { method: "POST", json: what });
      known.push({ ...entry(job, what, { ...names, styles: [style.name] }), sheet: { style: style.name, strength } });
    }
  } catch (problem) {
    error.textContent = refused(problem);
  }
  for (const old of remembered().filter((one) => one.sheet)) ask(`/api/jobs/${old.id}`, { method: "DELETE" }).catch(() => {});
  remember(known);
  showSheet();
  sending = false;
  allow();
};

function showSheet() {
  sheet.show(remembered().filter((one) => one.sheet), chosenJob);
}

function chosenJob(id) {
  regions.close();
  watch(id);
}

function watch(id) {
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
    button.onclick = () => chosenJob(job.id);
    return button;
  }));
  return jobs;
}

async function start() {
  try {
    const definition = await ask("/api/form");
    form.start(definition, changed);
    choose.start(definition, changed);
    regions.start(onStage, say);
    settings.start(changed);
  } catch (error) {
    by("paint-error").textContent = error.message;
    return;
  }
  changed();
  stands();
  showSheet();
  const jobs = await drawGallery(); // a reload, or a second tab, finds what is being painted
  const busy = jobs.find((job) => job.state === "painting") ?? jobs.find((job) => job.state === "waiting") ?? jobs.filter((job) => job.finished).at(-1);
  if (busy) watch(busy.id);
}

start();
