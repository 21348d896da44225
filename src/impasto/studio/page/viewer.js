// The picture on the stage: whole or magnified, moved by hand or by keys, and beside it the photograph. A tool may take
// one finger and the keys for itself: two fingers, the wheel and the other buttons of a mouse move the picture still.

const canvas = document.getElementById("canvas");
const after = document.getElementById("after");
const before = document.getElementById("before");
const regions = document.getElementById("regions");
const clip = document.getElementById("before-clip");
const divider = document.getElementById("divider");
const compare = document.getElementById("compare");

let zoom = null; // screen pixels of a pixel of the picture; null: as large as the whole fits
let full = { width: 0, height: 0 }; // of the finished picture: previews are shown in its place
let at = { x: 0, y: 0 };
let tool = null; // { down, move, up, cancel, hover } of a place in fractions of the picture, and key(event)
let held = null; // the finger that it has

export function show({ picture, photograph, width, height, words }) {
  if (full.width !== width || full.height !== height) zoom = null;
  full = { width, height };
  if (picture) swap(after, picture);
  if (photograph) swap(before, photograph);
  canvas.setAttribute("aria-label", words);
  place();
}

export function use(next) {
  tool = next;
  canvas.classList.toggle("tooled", tool !== null);
  canvas.setAttribute("role", tool ? "application" : "img"); // so that a screen reader leaves the keys to it
  if (tool) canvas.setAttribute("aria-describedby", "brush-help");
  else canvas.removeAttribute("aria-describedby");
  place();
}

// A picture takes the place of the last one when it has come: nothing flickers.
function swap(image, address) {
  if (image.dataset.address === address) return;
  image.dataset.address = address;
  const next = new Image();
  next.onload = () => { if (image.dataset.address === address) image.src = address; };
  next.src = address;
}

function fitting() {
  return Math.min(canvas.clientWidth / full.width, canvas.clientHeight / full.height);
}

function place() {
  if (!full.width || !canvas.clientWidth) return;
  const scale = zoom ?? fitting();
  const width = Math.max(1, full.width * scale), height = Math.max(1, full.height * scale);
  at.x = within(at.x, width, canvas.clientWidth);
  at.y = within(at.y, height, canvas.clientHeight);
  for (const image of [after, before, regions]) {
    image.style.width = `${width}px`;
    image.style.height = `${height}px`;
    image.style.transform = `translate(${at.x}px, ${at.y}px)`;
  }
  canvas.classList.toggle("pixels", zoom !== null && scale * devicePixelRatio >= 2);
  const edge = at.x + width * (compare.value / 100);
  clip.style.clipPath = `inset(0 ${Math.max(0, canvas.clientWidth - edge)}px 0 0)`;
  divider.hidden = Number(compare.value) === 0;
  divider.style.left = `${edge - 1}px`;
  divider.style.top = `${Math.max(0, at.y)}px`;
  divider.style.height = `${Math.min(canvas.clientHeight, at.y + height) - Math.max(0, at.y)}px`;
}

// Where a picture of that length lies: in the middle if it is shorter than the canvas, else never away from its ends.
function within(offset, length, room) {
  return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, offset));
}

function zoomTo(next, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const now = zoom ?? fitting();
  const least = Math.min(fitting(), 1 / devicePixelRatio);
  const wanted = next === null ? fitting() : Math.min(16, Math.max(least, next));
  at.x = x - (x - at.x) * (wanted / now);
  at.y = y - (y - at.y) * (wanted / now);
  zoom = Math.abs(wanted / fitting() - 1) < 0.001 ? null : wanted;
  place();
}

const current = () => zoom ?? fitting();
document.getElementById("zoom-fit").onclick = () => zoomTo(null);
document.getElementById("zoom-one").onclick = () => zoomTo(1 / devicePixelRatio);
document.getElementById("zoom-in").onclick = () => zoomTo(current() * 1.5);
document.getElementById("zoom-out").onclick = () => zoomTo(current() / 1.5);
compare.oninput = place;
new ResizeObserver(place).observe(canvas);

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  zoomTo(current() * Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

function spot(event) {
  const box = canvas.getBoundingClientRect(), scale = zoom ?? fitting();
  return { x: (event.clientX - box.left - at.x) / (full.width * scale), y: (event.clientY - box.top - at.y) / (full.height * scale) };
}

canvas.addEventListener("contextmenu", (event) => { if (tool) event.preventDefault(); }); // the right button moves

const fingers = new Map();
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (tool && fingers.size === 1 && event.button === 0) {
    held = event.pointerId;
    tool.down(spot(event));
  } else if (held !== null) { // a second finger: it was to move the picture
    held = null;
    tool?.cancel();
  }
});
canvas.addEventListener("pointermove", (event) => {
  const last = fingers.get(event.pointerId);
  if (held === event.pointerId) {
    const parts = event.getCoalescedEvents?.() ?? [];
    for (const part of parts.length ? parts : [event]) tool?.move(spot(part));
    return;
  }
  if (!last) {
    tool?.hover(spot(event));
    return;
  }
  const now = { x: event.clientX, y: event.clientY };
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const box = canvas.getBoundingClientRect();
    const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    zoomTo(current() * apart(now) / apart(last), (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
  }
  at.x += (now.x - last.x) / fingers.size;
  at.y += (now.y - last.y) / fingers.size;
  fingers.set(event.pointerId, now);
  place();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    fingers.delete(event.pointerId);
    if (held !== event.pointerId) return;
    held = null;
    if (name === "pointerup") tool?.up();
    else tool?.cancel();
  });
}

canvas.addEventListener("keydown", (event) => {
  if (tool?.key(event)) {
    event.preventDefault();
    return;
  }
  const step = 60;
  const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (moves[event.key]) {
    at.x += moves[event.key][0];
    at.y += moves[event.key][1];
    place();
  } else if (event.key === "+" || event.key === "=") zoomTo(current() * 1.5);
  else if (event.key === "-") zoomTo(current() / 1.5);
  else if (event.key === "0") zoomTo(null);
  else if (event.key === "1") zoomTo(1 / devicePixelRatio);
  else return;
  event.preventDefault();
});
