// The settings: three that everybody wants, and the rest, each made from its definition.

import { element } from "/page/choose.js";

const SIZES = [256, 512, 768, 1024, 1536, 2048, 4096];
const COLOURS = { style: "of the painting", content: "of the photograph", match: "of the painting, fitted to the photograph" };

const strength = document.getElementById("strength");
const size = document.getElementById("size");
const color = document.getElementById("color");
const preset = document.getElementById("preset");
const fields = document.getElementById("fields");

let definition;
let changed = () => {};

export function start(form, whenChanged) {
  definition = form;
  changed = whenChanged;
  const plain = form.plain;
  Object.assign(strength, { min: plain.strength.min, max: plain.strength.max, value: plain.strength.default });
  strength.title = plain.strength.help;
  strength.oninput = () => { showStrength(); changed(); };
  showStrength();
  for (const one of SIZES) size.append(element("option", { value: one }, `${one} px`));
  size.value = plain.size.default;
  for (const one of plain.color.choices) color.append(element("option", { value: one }, COLOURS[one] ?? one));
  for (const one of form.presets) preset.append(element("option", { value: one.name }, one.name));
  size.onchange = color.onchange = () => changed();
  preset.onchange = () => { usePreset(); changed(); };
  for (const section of form.sections) fields.append(group(section));
  document.getElementById("reset").onclick = () => { set({}); changed(); };
  usePreset();
}

function showStrength() {
  strength.disabled = weighed(); // by a content weight, which takes the dial's place
  const words = strength.disabled ? "by the content weight" : `${Math.round(strength.value * 100)} %`;
  document.getElementById("strength-shown").textContent = words;
}

function weighed() {
  const input = inputs().find((one) => one.dataset.option === "content_weight");
  return Boolean(input) && read(input) !== "";
}

function group(section) {
  const set = element("fieldset");
  set.append(element("legend", {}, section.name));
  for (const field of section.fields) set.append(control(field));
  return set;
}

function control(field) {
  const shape = { switch: "field switch wide", text: "field wide" }[field.kind] ?? "field";
  const row = element("div", { class: shape });
  const id = `option-${field.name}`;
  const label = element("label", { for: id }, field.label);
  let input;
  if (field.kind === "choice") {
    input = element("select", { id });
    for (const one of field.choices) input.append(element("option", { value: one }, one));
  } else if (field.kind === "switch") {
    input = element("input", { id, type: "checkbox" });
  } else if (field.kind === "text") {
    input = element("input", { id, type: "text", autocomplete: "off", spellcheck: "false" });
  } else {
    input = element("input", { id, type: "number", step: field.kind === "integer" ? 1 : "any" });
    if (field.min !== null) input.min = field.min;
    if (field.max !== null) input.max = field.max;
  }
  input.dataset.option = field.name;
  input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  const help = element("div", { class: "help", id: `${id}-help` }, field.help);
  input.onchange = () => { mark(input); showStrength(); changed(); };
  const error = element("div", { class: "error", id: `${id}-error` });
  row.append(...(field.kind === "switch" ? [input, label, help, error] : [label, input, help, error]));
  return row;
}

const inputs = () => [...fields.querySelectorAll("[data-option]")];
const usual = () => definition.presets.find((one) => one.name === preset.value).options;
const known = (name) => definition.sections.flatMap((section) => section.fields).find((field) => field.name === name);
const standard = (name) => usual()[name] ?? known(name).default;

function write(input, value) {
  if (input.type === "checkbox") input.checked = Boolean(value);
  else input.value = value;
  mark(input);
}

function read(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.type === "number") return input.value === "" ? "" : Number(input.value);
  return input.value;
}

function mark(input) {
  input.closest(".field").classList.toggle("changed", read(input) !== standard(input.dataset.option));
}

function usePreset() {
  document.getElementById("preset-help").textContent = definition.presets.find((one) => one.name === preset.value).purpose;
  for (const input of inputs()) write(input, standard(input.dataset.option));
  showStrength();
}

// Settings as the studio tells them, {name: value}; what is not named is as usual.
export function set(options) {
  preset.value = definition.presets[0].name;
  usePreset();
  const plain = definition.plain;
  strength.value = options.strength ?? plain.strength.default;
  color.value = options.color ?? plain.color.default;
  const wanted = String(options.size ?? plain.size.default);
  if (![...size.options].some((one) => one.value === wanted)) size.append(element("option", { value: wanted }, `${wanted} px`));
  size.value = wanted;
  for (const input of inputs()) if (input.dataset.option in options) write(input, options[input.dataset.option]);
  showStrength();
}

// What is to be sent: only what is not as usual.
export function values() {
  const options = { size: Number(size.value), color: color.value };
  for (const input of inputs()) {
    const name = input.dataset.option, value = read(input);
    if (value !== standard(name) && value !== "") options[name] = value;
  }
  if (!weighed()) options.strength = Number(strength.value);
  return { preset: preset.value === definition.presets[0].name ? null : preset.value, options };
}

// Says beside a setting what is wrong with it, where a sentence begins with its name; else gives the sentence back.
export function blame(sentence) {
  for (const input of inputs()) {
    input.removeAttribute("aria-invalid");
    input.closest(".field").querySelector(".error").textContent = "";
  }
  const input = inputs().find((one) => sentence.toLowerCase().startsWith(`${one.dataset.option}:`));
  if (!input) return sentence;
  const rest = sentence.slice(input.dataset.option.length + 1).trim();
  document.getElementById("advanced").open = true;
  input.setAttribute("aria-invalid", "true");
  input.closest(".field").querySelector(".error").textContent = rest.charAt(0).toUpperCase() + rest.slice(1);
  return `${known(input.dataset.option).label}: ${rest}`;
}

// Whether every number is one that may be; shows the first that is not.
export function valid() {
  const wrong = inputs().find((input) => !input.checkValidity());
  if (!wrong) return true;
  document.getElementById("advanced").open = true;
  wrong.reportValidity();
  return false;
}
