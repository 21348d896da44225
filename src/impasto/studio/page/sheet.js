// A sheet of variations: every chosen painting at four strengths, small, filled as they come. Each cell is a job.

import { ask, capital, over } from "/page/api.js";
import { element } from "/page/choose.js";

export const STRENGTHS = [0.2, 0.4, 0.6, 0.8];
export const MOST = 5; // paintings: with four strengths each, what the queue takes
const SIZE = 256;
const PACE = 1200; // milliseconds between two looks at what is not done

const place = document.getElementById("sheet");
const table = document.getElementById("sheet-cells");
let timer;

// The orders of a sheet, row by row, as the page's order would have them with one painting and that strength. `kept`
// is the mask of what is painted, where something is not: a painting alone has no region of its own.
export function orders(order, styles, kept) {
  const { content_weight, style_weights, content_mask, ...options } = order.options; // the dial is what varies
  if (kept) options.content_mask = [kept];
  return styles.slice(0, MOST).flatMap((style) => STRENGTHS.map((strength) => ({
    style, strength, order: { ...order, styles: [style.id], options: { ...options, strength, size: SIZE } },
  })));
}

// Shows cells, [{id, sheet: {style, strength}}], and keeps looking at those that are not done.
export function show(cells, open) {
  clearTimeout(timer);
  place.hidden = !cells.length;
  if (!cells.length) return;
  const styles = [...new Set(cells.map((cell) => cell.sheet.style))];
  const head = element("tr");
  head.append(element("td"), ...STRENGTHS.map((one) => element("th", { scope: "col" }, `${Math.round(one * 100)} %`)));
  const rows = styles.map((style) => {
    const row = element("tr");
    row.append(element("th", { scope: "row" }, style));
    for (const strength of STRENGTHS) {
      const cell = cells.find((one) => one.sheet.style === style && one.sheet.strength === strength);
      const field = element("td");
      if (cell) field.append(button(cell, open));
      row.append(field);
    }
    return row;
  });
  table.replaceChildren(head, ...rows);
  look(cells);
}

const caption = ({ sheet }) => `${sheet.style} at ${Math.round(sheet.strength * 100)} %`;

function button(cell, open) {
  const made = element("button", { type: "button", id: `cell-${cell.id}`, "aria-label": `${caption(cell)}: waiting`, disabled: "" });
  made.onclick = () => open(cell.id);
  return made;
}

async function look(cells) {
  let left = false;
  for (const cell of cells) {
    const made = document.getElementById(`cell-${cell.id}`);
    if (!made || made.dataset.over) continue;
    try {
      fill(made, cell, await ask(`/api/jobs/${cell.id}`));
    } catch (error) {
      if (error.status === 404) made.dataset.over = "gone";
    }
    left ||= !made.dataset.over;
  }
  if (left) timer = setTimeout(() => look(cells), PACE);
}

function fill(made, cell, job) {
  const words = caption(cell);
  made.disabled = job.state === "waiting";
  made.setAttribute("aria-label", `${words}: ${job.error ? capital(job.error) : job.state}`);
  made.title = job.error ? capital(job.error) : words;
  made.classList.toggle("failed", job.state === "failed");
  if (job.previews && made.dataset.previews !== String(job.previews)) {
    made.dataset.previews = job.previews;
    const image = made.querySelector("img") ?? made.appendChild(element("img", { alt: "" }));
    image.src = `/api/jobs/${job.id}/preview?${job.previews}`;
  }
  if (over(job)) made.dataset.over = job.state;
}
