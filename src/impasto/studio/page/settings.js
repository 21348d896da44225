// Settings that come back from a picture of Impasto's, with what the studio has still of what it was painted from.

import { ask } from "/page/api.js";
import * as choose from "/page/choose.js";
import { given, whenChosen } from "/page/files.js";
import * as form from "/page/form.js";
import * as regions from "/page/regions.js";

const by = (id) => document.getElementById(id);
let changed = () => {};

export function start(whenTaken) {
  changed = whenTaken;
}

whenChosen(by("recipe-file"), ([file]) => open(file, failed));

// Those of a picture that was painted here, in place of what is chosen.
export async function settingsOf(job, names) {
  try {
    const answer = await fetch(`/api/jobs/${job.id}/picture.png`);
    if (!answer.ok) throw new Error("This picture is not there any more.");
    await open(new File([await answer.blob()], "this picture"), failed, names?.photo);
  } catch (error) {
    failed(error);
  }
}

const failed = (error) => { by("paint-error").textContent = error.message; };

// What is dropped anywhere: a picture of Impasto's brings its settings, and any other one is the photograph
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => {
  if (event.defaultPrevented) return; // it has found its place
  event.preventDefault();
  given(event.dataTransfer.files, ([file]) => open(file, (error) => (error.status === 422 ? choose.takeFile(file) : failed(error))));
});

async function open(file, otherwise, photo = "the same photograph") {
  by("paint-error").textContent = "";
  try {
    const found = await ask("/api/recipes", { method: "POST", body: file });
    const styled = choose.chooseStyles(found.styles);
    if (found.options.style_weights) found.options.style_weights = styled ? reordered(found) : "";
    form.set(found.options);
    if (found.content) choose.setPhoto(found.content, photo);
    regions.clear();
    const masked = found.masks.length > 0, known = found.content && styled && found.masks.every(Boolean);
    const whole = known && (!masked || await regions.load(found.styles, found.masks));
    changed();
    const missing = [found.content ? null : "the photograph", styled ? null : "its painting"].filter(Boolean);
    const rest = missing.length ? ` Choose ${missing.join(" and ")} again: a picture does not hold them.` : masked && !whole ? " Its regions are to be brushed again: a picture does not hold them." : "";
    by("settings").textContent = `The settings are those of ${file.name}.${rest}`;
  } catch (error) {
    otherwise(error);
  }
}

// The weights of the paintings as the page has them in a row, from a recipe that may name them otherwise, and twice.
function reordered({ styles, options }) {
  const weights = options.style_weights.split(",");
  return choose.chosen().styles.map((one) => weights[styles.indexOf(one.id)]).join();
}
