// How a job goes on: its stages with speed and time left.
import { duration, el } from "./dom.js";

const WORDS = {
  checks: "Files and consent", networks: "Networks", faces: "Finding faces",
  speech: "Hearing the speech", listening: "Hearing the voice", mouths: "Painting mouths",
  converting: "Converting the voice",
  sync: "Measuring sync", "join and sign": "Joining, signing, reading back",
  scanning: "Scanning",
};
const EXPECTED = ["checks", "networks", "faces", "speech", "mouths", "sync", "join and sign"];

export function stageName(name) {
  return WORDS[name] ?? name;
}

/** A list of stages that is drawn anew, element by element, with every look at the job. */
export class Stages {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
  }

  clear() {
    this.list.replaceChildren();
    this.rows.clear();
  }

  draw(view) {
    const seen = view.stages.map((stage) => stage.name);
    const coming = EXPECTED.filter((name) => !seen.includes(name));
    const broken = ["failed", "cancelled"].includes(view.state);
    view.stages.forEach((stage, place) => {
      this.#stage(stage, place, broken && place === seen.length - 1);
    });
    coming.forEach((name, place) => {
      const row = this.#row(seen.length + place);
      row.item.className = "coming";
      row.name.textContent = stageName(name);
      row.told.textContent = "";
      row.bar.hidden = true;
    });
    for (const place of [...this.rows.keys()].filter((key) => key >= seen.length + coming.length)) {
      this.rows.get(place).item.remove();
      this.rows.delete(place);
    }
  }

  #stage(stage, place, broken) {
    const row = this.#row(place);
    row.item.className = !stage.over ? "now" : broken ? "stopped" : "over";
    row.name.textContent = stageName(stage.name);
    row.bar.hidden = stage.over;
    if (stage.total && stage.done) {
      row.bar.max = stage.total;
      row.bar.value = stage.done;
    } else {
      row.bar.removeAttribute("value");
    }
    row.told.textContent = stage.over ? `${stage.seconds.toFixed(1)} s` : told(stage);
  }

  #row(place) {
    if (!this.rows.has(place)) {
      const name = el("span", { className: "stage-name" });
      const told = el("span", { className: "stage-told" });
      const bar = el("progress", { hidden: true, "aria-label": "Progress of this stage" });
      const item = el("li", {}, name, told, bar);
      this.rows.set(place, { item, name, told, bar });
      this.list.append(item);
    }
    return this.rows.get(place);
  }
}

/** Count, speed and time left of a stage, in a few words. */
export function told(stage) {
  if (!stage.done) return "";
  const seconds = stage.unit === "s";
  const amount = (count) => (seconds ? `${count.toFixed(0)} s` : String(Math.round(count)));
  const parts = [stage.total ? `${amount(stage.done)} of ${amount(stage.total)}` : amount(stage.done)];
  if (stage.rate) parts.push(seconds ? `${stage.rate.toFixed(1)} × real time` : `${stage.rate.toFixed(stage.rate < 10 ? 1 : 0)} a second`);
  if (stage.left !== null && stage.left >= 1) parts.push(`${duration(stage.left)} left`);
  return parts.join(" · ");
}
