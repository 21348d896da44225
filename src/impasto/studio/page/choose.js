// The photograph and the paintings: chosen, dropped, or taken from what the studio has.

import { ask } from "/page/api.js";
import { given, whenChosen } from "/page/files.js";

const MOST_BYTES = 100 * 2 ** 20;
const photo = { id: null, name: "", address: "", width: 0, height: 0 };
const styles = []; // { id, title, address, chosen, name }
let most = 8;
let changed = () => {};

const shown = document.getElementById("photo-shown");
const drop = document.getElementById("photo-drop");
const list = document.getElementById("styles");

export function chosen() {
  return { photo, styles: styles.filter((one) => one.chosen) };
}

export function start(form, whenChanged) {
  changed = whenChanged;
  most = form.most_styles;
  for (const style of form.styles) {
    styles.push({ id: style.name, title: style.title, name: style.name, address: `/api/styles/${style.name}`, chosen: false });
  }
  if (styles.length) styles[0].chosen = true;
  drawStyles();
  const samples = document.getElementById("samples");
  for (const sample of form.samples) {
    const button = element("button", { type: "button", title: sample.title });
    button.append(element("img", { src: `/api/samples/${sample.name}`, alt: sample.title, width: 72, height: 54 }));
    button.onclick = () => takePhoto(ask(`/api/samples/${sample.name}`, { method: "POST" }), sample.name);
    samples.append(button);
  }
  samples.hidden = !form.samples.length;
}

export function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function send(file) {
  if (file.size > MOST_BYTES) return Promise.reject(new Error(`${file.name} has more than 100 MB.`));
  return ask("/api/pictures", { method: "POST", body: file });
}

let taken = 0; // photographs: the last one that was chosen counts, whichever comes first
async function takePhoto(coming, name) {
  const number = ++taken;
  const error = document.getElementById("photo-error");
  error.textContent = "";
  drop.setAttribute("aria-busy", "true");
  try {
    const facts = await coming;
    if (number === taken) setPhoto(facts, name);
  } catch (problem) {
    error.textContent = problem.message;
  } finally {
    drop.removeAttribute("aria-busy");
  }
}

export function setPhoto(facts, name) {
  Object.assign(photo, facts, { name, address: `/api/pictures/${facts.id}` });
  shown.src = photo.address;
  shown.alt = `The photograph, ${name}`;
  shown.hidden = false;
  drop.classList.add("full");
  drop.querySelector("label").textContent = "Another photograph";
  changed();
}

async function takeStyles(files) {
  const error = document.getElementById("style-error");
  error.textContent = "";
  for (const file of files) {
    try {
      addStyle(await send(file), file.name);
    } catch (problem) {
      error.textContent = problem.message;
    }
  }
}

export function addStyle(facts, name) {
  const builtins = styles.every((one) => !one.own);
  if (builtins) for (const one of styles) one.chosen = false; // the first of one's own takes the place of the default
  const chosen = styles.filter((one) => one.chosen).length < most;
  styles.push({ id: facts.id, title: name, name, address: `/api/pictures/${facts.id}`, chosen, own: true });
  drawStyles();
  changed();
}

// Whether all of them are there to be chosen; else nothing changes.
export function chooseStyles(ids) {
  if (!ids.length || !ids.every((id) => styles.some((one) => one.id === id))) return false;
  for (const one of styles) one.chosen = ids.includes(one.id);
  drawStyles();
  changed();
  return true;
}

function drawStyles() {
  const focused = document.activeElement?.dataset?.style;
  list.replaceChildren(...styles.map((style) => {
    const button = element("button", { type: "button", "aria-pressed": String(style.chosen), "data-style": style.id, title: style.title });
    button.append(element("img", { src: style.address, alt: "", width: 125, height: 100, loading: "lazy" }));
    button.append(element("span", {}, style.name));
    button.onclick = () => toggle(style);
    return button;
  }));
  if (focused) list.querySelector(`[data-style="${focused}"]`)?.focus();
}

function toggle(style) {
  const error = document.getElementById("style-error");
  error.textContent = "";
  const count = styles.filter((one) => one.chosen).length;
  if (style.chosen && count === 1) return; // one there must be
  if (!style.chosen && count === most) {
    error.textContent = `Up to ${most} paintings can be mixed.`;
    return;
  }
  style.chosen = !style.chosen;
  drawStyles();
  changed();
}

export function takeFile(file) {
  return takePhoto(send(file), file.name);
}

whenChosen(document.getElementById("photo-file"), ([file]) => takeFile(file));
whenChosen(document.getElementById("style-file"), takeStyles);

for (const [place, take] of [
  [drop, ([file]) => takeFile(file)],
  [list, takeStyles],
]) {
  place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("over"); });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    given(event.dataTransfer.files, take);
  });
}
