// Regions that are brushed on the photograph: where each painting paints, and what stays as it is. What nobody has
// brushed is painted by all of the chosen paintings together. Strokes are kept, so that each can be taken back.

import { ask } from "/page/api.js";
import { element } from "/page/choose.js";
import { Layers, REST } from "/page/layers.js";
import { use } from "/page/viewer.js";

const LONGEST = 1024; // side of a mask, in pixels
const KEEP = "keep"; // a label, as REST is; every other one is the id of a painting
const KEPT = "#d81b60";
const COLOURS = ["#1e88e5", "#ffb000", "#00a37a", "#7e57c2", "#56b4e9", "#e66100", "#8d6e00", "#5d7280"];
const LEAST = 0.0005; // share of a picture that is a region

const by = (id) => document.getElementById(id);
const overlay = by("regions");
const radius = by("brush-size"); // in hundredths of the longest side
const soft = by("brush-soft");

let photo = null;
let styles = []; // those that are chosen
let strokes = []; // { label, radius, soft, points }, { label, fill: true }, or { loaded: {label: alpha} }
let layers = new Layers(1, 1);
let label = KEEP;
let stroke = null, goOn = null; // the one that is being made
let cursor = null;
let coming = null; // the masks, on their way to the studio
let active = false;
let whenDone = () => {};
let say = () => {};

export const brushing = () => active;

export function start(done, speak) {
  whenDone = done;
  say = speak;
  by("regions-open").onclick = open;
  by("brush-done").onclick = () => { close(); by("regions-open").focus({ preventScroll: true }); };
  by("brush-undo").onclick = undo;
  by("brush-fill").onclick = () => { add({ label, fill: true }); say(`${title(label)}: all of it`); };
  by("brush-clear").onclick = () => { clear(); say("Nothing is brushed"); };
  radius.oninput = () => { cursor ??= { x: 0.5, y: 0.5 }; render(); };
}

// Fits to what is chosen: another photograph has other regions, and a painting that is not chosen has none.
export function adapt(chosen) {
  const ids = chosen.styles.map((one) => one.id).join();
  if (photo?.id === chosen.photo.id && ids === styles.map((one) => one.id).join()) return;
  up();
  if (photo?.id !== chosen.photo.id) {
    strokes = [];
    photo = { ...chosen.photo };
    const scale = Math.min(1, LONGEST / Math.max(photo.width, photo.height));
    overlay.width = Math.max(1, Math.round(photo.width * scale));
    overlay.height = Math.max(1, Math.round(photo.height * scale));
  }
  styles = chosen.styles;
  by("regions-open").disabled = !photo.id || active;
  if (!labels().some((one) => one.label === label)) label = KEEP;
  if (active) drawLabels();
  replay();
}

function labels() {
  const alone = styles.length === 1;
  return [
    { label: KEEP, title: "Keep the photograph", colour: KEPT },
    ...(alone ? [] : styles.map((one, index) => ({ label: one.id, title: one.name, colour: COLOURS[index % COLOURS.length] }))),
    { label: REST, title: alone ? "Paint" : "All paintings, mixed" },
  ];
}

const known = (wanted) => labels().find((one) => one.label === wanted);
const title = (wanted) => known(wanted)?.title ?? "";

// The label of a stroke as it is now: a painting that is chosen alone paints all; undefined for one that is not chosen.
function meaning(wanted) {
  return styles.length === 1 && wanted === styles[0].id ? known(REST) : known(wanted);
}

function open() {
  active = true;
  for (const id of ["brush", "regions"]) by(id).hidden = false;
  by("regions-open").disabled = true;
  cursor = null;
  drawLabels();
  use({ down, move, up, cancel, hover, key });
  whenDone();
  render();
  by("canvas").focus({ preventScroll: true });
  for (const id of ["brush", "view"]) by(id).scrollIntoView({ block: "nearest" });
}

export function close() {
  if (!active) return;
  up();
  active = false;
  for (const id of ["brush", "regions"]) by(id).hidden = true;
  by("regions-open").disabled = !photo?.id;
  changed();
  use(null);
  whenDone();
}

function drawLabels() {
  by("labels").replaceChildren(...labels().map((one, index) => {
    const input = element("input", { type: "radio", name: "brush-label", id: `label-${index}`, value: one.label });
    input.checked = one.label === label;
    input.onchange = () => { label = one.label; };
    const swatch = element("i", { class: "swatch" });
    if (one.colour) swatch.style.background = one.colour;
    const row = element("label", { class: "chip", for: input.id });
    row.append(input, swatch, element("span", {}, one.title));
    return row;
  }));
}

// The hand: a finger, the button of a mouse, or keys

function down(spot) {
  stroke = { label, radius: radius.value / 100, soft: soft.checked, points: [] };
  goOn = brush(stroke);
  move(spot);
}

function move(spot) {
  if (!stroke) return;
  stroke.points.push(spot);
  goOn(stroke.points.length - 1);
  hover(spot);
}

function up() {
  if (!stroke) return;
  strokes.push(stroke);
  stroke = null;
  changed();
}

function cancel() {
  stroke = null;
  replay();
}

export function clear() {
  strokes = [];
  cancel();
}

function hover(spot) {
  cursor = spot;
  render();
}

function key(event) {
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
    undo();
    return true;
  }
  if (event.altKey || event.ctrlKey || event.metaKey) return false; // the browser's
  const pace = event.shiftKey ? 0.1 : 0.02, from = cursor ?? { x: 0.5, y: 0.5 };
  const moves = { ArrowLeft: [-pace, 0], ArrowRight: [pace, 0], ArrowUp: [0, -pace], ArrowDown: [0, pace] };
  if (moves[event.key]) {
    hover({ x: held(from.x + moves[event.key][0]), y: held(from.y + moves[event.key][1]) });
    say(place(cursor));
  } else if (event.key === " " || event.key === "Enter") {
    up();
    down(from);
    up();
    say(`${title(label)}, ${place(from)}`);
  } else if (event.key === "[" || event.key === "]") {
    radius.value = Number(radius.value) + (event.key === "]" ? 1 : -1);
    hover(from);
    say(`Brush ${radius.value}`);
  } else return false;
  return true;
}

const place = ({ x, y }) => `${Math.round(x * 100)} % from the left and ${Math.round(y * 100)} % from the top`;

const held = (value) => Math.min(1, Math.max(0, value));

// Strokes

function brush(made) {
  const found = meaning(made.label);
  return found ? layers.brush(made, found.label, found.colour) : () => {};
}

function add(made) {
  strokes.push(made);
  draw(made);
  changed();
  render();
}

function undo() {
  if (stroke ?? strokes.pop()) say("Taken back");
  cancel();
}

function replay() {
  layers = new Layers(overlay.width, overlay.height);
  for (const made of strokes) draw(made);
  changed();
  render();
}

function draw(made) {
  if (made.loaded) {
    for (const [name, alpha] of made.loaded) {
      const found = meaning(name);
      if (found?.colour) layers.put(found.label, found.colour, alpha);
    }
  } else if (made.fill) {
    const found = meaning(made.label);
    if (found) layers.fill(found.label, found.colour);
  } else {
    const next = brush(made);
    made.points.forEach((_, nth) => next(nth));
  }
}

let drawing = 0;
function render() {
  if (!active) return;
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    const shown = overlay.getContext("2d");
    shown.clearRect(0, 0, overlay.width, overlay.height);
    shown.globalAlpha = 0.6;
    layers.showOn(shown);
    shown.globalAlpha = 1;
    if (!cursor) return;
    const unit = overlay.width / (overlay.getBoundingClientRect().width || 1); // pixels of a mask in one of the screen
    for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) {
      shown.strokeStyle = colour;
      shown.lineWidth = Math.max(1, width * unit);
      shown.beginPath();
      shown.arc(cursor.x * overlay.width, cursor.y * overlay.height, (radius.value / 100) * layers.longest, 0, 2 * Math.PI);
      shown.stroke();
    }
  });
}

// What comes of them

function changed() {
  coming = null;
  by("brush-undo").disabled = by("brush-clear").disabled = !strokes.length;
  if (!active) by("regions-shown").textContent = told();
}

const share = (alpha) => alpha.reduce((sum, value) => sum + value, 0) / (255 * alpha.length);

function told() {
  if (!strokes.length) return "The whole photograph is painted.";
  const words = [];
  for (const [name, alpha] of layers.shares()) {
    const part = share(alpha);
    if (part < LEAST) continue;
    const percent = `${Math.max(1, Math.round(100 * part))} %`;
    if (name === KEEP) words.push(`${percent} stays as it is`);
    else if (name === REST) words.push(`${percent} is painted${styles.length > 1 ? " with all of them" : ""}`);
    else words.push(`${percent} is painted with ${title(name)}`);
  }
  return `${words.join(", ")}.`;
}

// The paintings with the mask of each, as an order has them, { styles, masks: [id], kept }. No masks where nothing is
// brushed; `kept` gives the id of the mask of all that is painted, null if that is everything.
export function ready() {
  coming ??= made(layers, styles).catch((error) => { coming = null; throw error; });
  return coming;
}

// They are to be sent anew: the studio may have them no more.
export function forget() {
  coming = null;
}

async function made(own, styles) {
  const whole = { styles, masks: [], kept: async () => null };
  if (!strokes.length) return whole;
  const found = own.shares();
  const alone = styles.filter((one) => found.has(one.id)).map((one) => ({ styles: [one], alpha: found.get(one.id) }));
  const parts = [{ styles, alpha: found.get(REST) }, ...alone].filter((part) => share(part.alpha) >= LEAST);
  if (!parts.length) throw new Error("Nothing is left to paint: brush some of the photograph with a painting.");
  if (parts[0].styles === styles && parts[0].alpha.every((value) => value === 255)) return whole;
  for (const part of parts) part.id = await sent(own, part.alpha);
  const keep = found.get(KEEP);
  const kept = async () => (keep && share(keep) >= LEAST ? sent(own, keep.map((value) => 255 - value)) : null);
  return { styles: parts.flatMap((part) => part.styles), masks: parts.flatMap((part) => part.styles.map(() => part.id)), kept };
}

async function sent(own, alpha) {
  return (await ask("/api/pictures", { method: "POST", body: await own.file(alpha) })).id;
}

// The regions of a picture that was painted: the ids of its paintings, and of the mask of each, as `ready` gave them.
// False for masks that were made otherwise.
export async function load(ids, masks) {
  const loaded = new Map(), count = new Set(ids).size;
  if (ids.length !== masks.length) return false;
  for (const mask of new Set(masks)) {
    const those = ids.filter((_, index) => masks[index] === mask);
    const name = those.length === count ? REST : those[0];
    const answer = await fetch(`/api/pictures/${mask}/file`);
    if ((those.length > 1 && name !== REST) || loaded.has(name) || !answer.ok) return false;
    loaded.set(name, await layers.read(await answer.blob()));
  }
  const keep = new Uint8ClampedArray(overlay.width * overlay.height).fill(255);
  for (const alpha of loaded.values()) alpha.forEach((value, index) => { keep[index] -= value; });
  strokes = [{ loaded: loaded.set(KEEP, keep) }];
  replay();
  return true;
}
