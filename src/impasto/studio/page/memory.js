// What this browser knows of its jobs, for a reload and for a second tab.

const KEY = "impasto-jobs"; // [{ id, photo, styles, names, masks, sheet }], the newest last

let kept = null; // where the browser keeps nothing for us

export function remembered() {
  if (kept) return kept;
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter((one) => typeof one?.id === "string") : [];
  } catch {
    return [];
  }
}

export function remember(jobs) {
  const newest = jobs.slice(-60);
  try {
    localStorage.setItem(KEY, JSON.stringify(newest));
  } catch {
    kept = newest;
  }
}

// What this browser keeps of a job.
export function entry(job, what, called) {
  return { id: job.id, photo: what.content, styles: what.styles, names: called, masks: what.options.content_mask ?? [] };
}
