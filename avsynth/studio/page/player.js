// Two films, one play button: in step, one sound at a time.
import { $, clock } from "./dom.js";

const APART = 0.12; // seconds from which one of them jumps to the other
const SLIGHT = 0.02; // seconds from which the silent one hurries or waits a little

export class Pair {
  constructor() {
    this.before = $("before");
    this.after = $("after");
    this.button = $("play");
    this.bar = $("seek");
    this.time = $("time");
    this.button.addEventListener("click", () => this.toggle());
    this.bar.addEventListener("input", () => this.seek(Number(this.bar.value)));
    for (const choice of document.querySelectorAll("input[name=sound]")) {
      choice.addEventListener("change", () => this.#listen(choice.value));
    }
    for (const film of [this.before, this.after]) {
      film.addEventListener("loadedmetadata", () => this.#sized());
      film.addEventListener("error", () => this.#unplayable(film));
      film.addEventListener("click", () => this.toggle());
    }
    this.#listen("before");
    setInterval(() => this.#keep(), 80);
  }

  /** What is shown: addresses of the original and the result, or null. */
  show(before, after) {
    this.pause();
    for (const [film, address] of [[this.before, before], [this.after, after]]) {
      const frame = film.parentElement;
      frame.classList.toggle("empty", !address);
      frame.classList.remove("unplayable");
      if (film.getAttribute("src") === address) continue;
      if (address) film.src = address;
      else film.removeAttribute("src");
      film.load();
    }
    $("transport").hidden = !before && !after;
    this.button.disabled = !before && !after;
    $("sound").hidden = !(before && after);
    this.#choose(after ? "after" : "before");
  }

  get leader() {
    return this.#plays(this.sounding) ? this.sounding : this.other;
  }

  get other() {
    return this.sounding === this.after ? this.before : this.after;
  }

  toggle() {
    if (this.leader.paused) this.play();
    else this.pause();
  }

  async play() {
    if (this.leader.ended || this.leader.currentTime >= this.#length() - 0.05) this.seek(0);
    const films = [this.before, this.after].filter((film) => this.#plays(film));
    await Promise.allSettled(films.map((film) => film.play()));
    this.#drawn();
  }

  pause() {
    this.before.pause();
    this.after.pause();
    this.#drawn();
  }

  seek(seconds) {
    for (const film of [this.before, this.after]) {
      if (this.#plays(film)) film.currentTime = Math.min(seconds, film.duration);
    }
    this.#drawn();
  }

  #plays(film) {
    return Boolean(film.getAttribute("src")) && film.readyState > 0 && Number.isFinite(film.duration);
  }

  #choose(which) {
    document.querySelector(`input[name=sound][value=${which}]`).checked = true;
    this.#listen(which);
  }

  #listen(which) {
    this.sounding = which === "after" ? this.after : this.before;
    this.before.muted = which !== "before";
    this.after.muted = which !== "after";
    this.before.playbackRate = this.after.playbackRate = 1;
  }

  #length() {
    const long = [this.after, this.before].find((film) => this.#plays(film));
    return long ? long.duration : 0;
  }

  #sized() {
    this.bar.max = this.#length();
    const film = [this.before, this.after].find((each) => each.videoWidth);
    const shape = film ? `${film.videoWidth} / ${film.videoHeight}` : "";
    for (const each of [this.before, this.after]) each.style.setProperty("--shape", shape);
    this.#drawn();
  }

  #unplayable(film) {
    if (film.getAttribute("src")) film.parentElement.classList.add("unplayable");
  }

  /** The film that is heard leads; the silent one follows. */
  #keep() {
    const [lead, follow] = [this.leader, this.other];
    if (!lead.paused) {
      if (lead.ended || lead.currentTime >= this.#length()) this.pause();
      else if (this.#plays(follow) && lead.currentTime < follow.duration) this.#follow(lead, follow);
    }
    this.#drawn();
  }

  #follow(lead, follow) {
    const late = lead.currentTime - follow.currentTime;
    if (follow.paused && !follow.ended) follow.play().catch(() => {});
    if (Math.abs(late) > APART) {
      follow.currentTime = lead.currentTime;
      follow.playbackRate = 1;
    } else {
      follow.playbackRate = Math.abs(late) > SLIGHT ? 1 + Math.sign(late) * 0.06 : 1;
    }
  }

  #drawn() {
    const lead = this.leader;
    const playing = !lead.paused && !lead.ended;
    this.button.textContent = playing ? "Pause" : "Play";
    this.button.classList.toggle("playing", playing);
    if (document.activeElement !== this.bar || playing) this.bar.value = lead.currentTime || 0;
    const text = `${clock(lead.currentTime || 0)} / ${clock(this.#length())}`;
    if (this.time.textContent !== text) this.time.textContent = text;
    this.bar.setAttribute("aria-valuetext", text);
  }
}
