// How much of each pixel belongs to which label: one layer for each, as the opacity of a canvas in its colour.
// What is laid on one is taken from the others, so that together they have no more than the whole.

import { element } from "/page/choose.js";

export const REST = "rest"; // the label of what no layer has
const PACE = 0.15; // of a brush's radius, between two of its dabs
const CORE = 1 / 3; // of the radius of a soft brush: from there on it fades
const FAINT = 3; // of 255: less is nothing, and as near to all is all

export class Layers {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.longest = Math.max(width, height);
    this.canvases = new Map();
  }

  // The layer of a label, to draw on
  on(label) {
    if (!this.canvases.has(label)) this.canvases.set(label, element("canvas", { width: this.width, height: this.height }));
    return this.canvases.get(label).getContext("2d", { willReadFrequently: true });
  }

  // All of the picture for one label
  fill(label, colour) {
    this.canvases.clear();
    if (label === REST) return;
    const layer = this.on(label);
    layer.fillStyle = colour;
    layer.fillRect(0, 0, this.width, this.height);
  }

  // So much of each pixel for a label, [0..255]; the others keep what they have
  put(label, colour, alpha) {
    const rgb = [1, 3, 5].map((from) => parseInt(colour.slice(from, from + 2), 16));
    this.on(label).putImageData(this.image((index) => [...rgb, alpha[index]]), 0, 0);
  }

  // A function that goes on with a stroke { radius, soft, points }, from the point before its nth to that one.
  // Places and lengths are fractions of the picture and of its longest side.
  brush(stroke, label, colour = "#000000") {
    const radius = Math.max(1, stroke.radius * this.longest), middle = Math.ceil(radius) + 1;
    const dab = element("canvas", { width: 2 * middle, height: 2 * middle });
    const place = dab.getContext("2d");
    const fade = place.createRadialGradient(middle, middle, stroke.soft ? radius * CORE : radius - 1, middle, middle, radius);
    fade.addColorStop(0, colour);
    fade.addColorStop(1, `${colour}00`);
    place.fillStyle = fade;
    place.fillRect(0, 0, dab.width, dab.height);
    if (label !== REST) this.on(label);
    return (nth) => {
      const [to, from] = [stroke.points[nth], stroke.points[Math.max(0, nth - 1)]];
      const [x, y] = [(to.x - from.x) * this.width, (to.y - from.y) * this.height];
      const count = Math.max(1, Math.ceil(Math.hypot(x, y) / Math.max(1, PACE * radius)));
      for (let step = 1; step <= count; step++) {
        const [left, top] = [from.x * this.width + (x * step) / count - middle, from.y * this.height + (y * step) / count - middle];
        for (const other of this.canvases.keys()) {
          const layer = this.on(other);
          layer.globalCompositeOperation = other === label ? "source-over" : "destination-out";
          layer.drawImage(dab, left, top);
        }
      }
    };
  }

  showOn(context) {
    for (const canvas of this.canvases.values()) context.drawImage(canvas, 0, 0);
  }

  // How much of each pixel every label has, {label: [0..255]}, what is left last
  shares() {
    const left = new Uint8ClampedArray(this.width * this.height).fill(255), found = new Map();
    for (const label of this.canvases.keys()) {
      const { data } = this.on(label).getImageData(0, 0, this.width, this.height);
      const alpha = left.map((_, index) => certain(data[4 * index + 3]));
      alpha.forEach((value, index) => { left[index] -= value; }); // clamped: never below nothing
      found.set(label, alpha);
    }
    return found.set(REST, left.map(certain));
  }

  image(colour) {
    const made = new ImageData(this.width, this.height);
    for (let index = 0; index < this.width * this.height; index++) made.data.set(colour(index), 4 * index);
    return made;
  }

  // A mask in grey as a file, and back
  async file(alpha) {
    const canvas = element("canvas", { width: this.width, height: this.height });
    canvas.getContext("2d").putImageData(this.image((index) => [alpha[index], alpha[index], alpha[index], 255]), 0, 0);
    return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  }

  async read(file) {
    const place = element("canvas", { width: this.width, height: this.height }).getContext("2d");
    place.drawImage(await createImageBitmap(file), 0, 0, this.width, this.height);
    const { data } = place.getImageData(0, 0, this.width, this.height);
    return new Uint8ClampedArray(this.width * this.height).map((_, index) => data[4 * index]);
  }
}

const certain = (value) => (value <= FAINT ? 0 : value >= 255 - FAINT ? 255 : value);
