// What can be done with a picture that is there: download it, have its command, paint it larger.

import { clock } from "/page/api.js";
import { element } from "/page/choose.js";
import { settingsOf } from "/page/settings.js";

const LARGER = [512, 1024, 2048, 4096];
const by = (id) => document.getElementById(id);

// Shows it for a job and what the browser knows of it, if anything; `paint` takes what makes an order.
export function show(job, mine, paint) {
  for (const kind of ["png", "jpg", "webp", "tiff"]) by(`get-${kind}`).href = `/api/jobs/${job.id}/picture.${kind}`;
  by("get-tiff").hidden = !job.deep;
  const how = job.state === "stopped" ? `Stopped after ${job.evaluations} evaluations` : `Painted in ${clock(job.seconds)}`;
  by("facts").textContent = `${how}, ${job.width} × ${job.height} pixels`;
  by("copy").onclick = () => copy(mine ? named(job.command, mine) : job.command);
  by("again").onclick = () => settingsOf(job, mine?.names);
  const masks = [...new Set(mine?.masks)];
  by("masks").hidden = !masks.length;
  by("masks").replaceChildren(...masks.map((id, index) => {
    const link = { class: "button quiet", href: `/api/pictures/${id}/file`, download: maskName(masks, id) };
    return element("a", link, masks.length > 1 ? `Mask ${index + 1}` : "Mask");
  }));
  const sizes = LARGER.filter((one) => one > Math.max(job.width, job.height));
  by("larger").replaceChildren(...(job.state === "done" && mine ? sizes : []).map((size) => {
    const button = element("button", { type: "button", class: "quiet" }, `Paint at ${size}`);
    button.onclick = () => paint(() => ({ order: larger(job, mine, size), names: mine.names }));
    return button;
  }));
}

function larger(job, mine, size) {
  const options = mine.masks?.length ? { size, content_mask: mine.masks } : { size };
  return { content: mine.photo, styles: mine.styles, options, from: job.id };
}

const maskName = (masks, id) => `mask-${[...new Set(masks)].indexOf(id) + 1}.png`;

// A command with the names of the files, as the shell takes them, in place of the words that stand for them
function named(command, { names, masks = [] }) {
  const left = masks.map((id) => maskName(masks, id));
  return command.replace(/\b(PHOTO|STYLE(\d*)|CONTENT_MASK)\b/g, (word, what, number) => {
    const name = what === "PHOTO" ? names?.photo : what === "CONTENT_MASK" ? left.shift() : names?.styles[Number(number || 1) - 1];
    return name === undefined ? word : quoted(name);
  });
}

function quoted(name) {
  const path = name.startsWith("-") ? `./${name}` : name;
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
    by("copy").textContent = "Copied";
    setTimeout(() => { by("copy").textContent = "Copy as command"; }, 1500);
  } catch {
    by("facts").textContent = words;
  }
}
