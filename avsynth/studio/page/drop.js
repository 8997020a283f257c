// A place where files are dropped or chosen: sends them at once, shows how that goes.
import { call, send } from "./api.js";
import { bytes, el, say } from "./dom.js";

const LARGEST = Number(document.body.dataset.largest);

export class Drop {
  /** `place` holds a file input with its label; `changed()` is called when its files change. */
  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
    this.input = place.querySelector("input[type=file]");
    this.list = el("ul", { className: "files" });
    this.entries = [];
    place.append(this.list);
    this.input.addEventListener("change", () => {
      this.take(this.input.files);
      this.input.value = "";
    });
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.classList.remove("over");
      this.take(event.dataTransfer.files);
    });
  }

  /** The uploads that are there. */
  get uploads() {
    return this.entries.filter((entry) => entry.upload).map((entry) => entry.upload);
  }

  get upload() {
    return this.uploads[0] ?? null;
  }

  get sending() {
    return this.entries.some((entry) => entry.sending);
  }

  take(files) {
    const chosen = this.input.multiple ? [...files] : [...files].slice(0, 1);
    if (!chosen.length) return;
    if (!this.input.multiple) this.clear();
    for (const file of chosen) this.#add(file);
    this.changed();
  }

  /** Put in a file that the studio has already, such as a record made here. */
  put(upload) {
    this.clear();
    const entry = this.#entry(upload.name, upload.size);
    entry.upload = upload;
    this.changed();
  }

  clear() {
    for (const entry of [...this.entries]) this.#remove(entry);
  }

  #entry(name, size) {
    const note = el("span", { className: "file-note" }, bytes(size));
    const remove = el("button", { type: "button", className: "remove", "aria-label": `Remove ${name}` }, "Remove");
    const bar = el("progress", { max: 1, value: 0, hidden: true, "aria-label": `Sending ${name}` });
    const row = el("li", {}, el("span", { className: "file-name" }, name), note, remove, bar);
    const entry = { row, note, bar, upload: null, sending: null };
    remove.addEventListener("click", () => {
      this.#remove(entry);
      this.input.focus();
      this.changed();
    });
    this.entries.push(entry);
    this.list.append(row);
    this.place.classList.add("filled");
    return entry;
  }

  async #add(file) {
    const entry = this.#entry(file.name, file.size);
    if (file.size > LARGEST) {
      this.#failed(entry, `too large: at most ${bytes(LARGEST)}`);
      return;
    }
    entry.bar.hidden = false;
    entry.sending = send(file, (share) => {
      entry.bar.value = share;
      entry.note.textContent = `${bytes(file.size)}, ${Math.floor(share * 100)} %`;
    });
    try {
      entry.upload = await entry.sending.done;
      entry.note.textContent = bytes(entry.upload.size);
      say(`${entry.upload.name} is here`);
    } catch (error) {
      if (error.message) this.#failed(entry, error.message);
    }
    entry.sending = null;
    entry.bar.hidden = true;
    this.changed();
  }

  #failed(entry, why) {
    entry.row.classList.add("failed");
    entry.note.textContent = why;
    say(why);
  }

  #remove(entry) {
    entry.sending?.abort();
    if (entry.upload) call(`/api/uploads/${entry.upload.id}`, undefined, "DELETE").catch(() => {});
    entry.row.remove();
    this.entries = this.entries.filter((other) => other !== entry);
    this.place.classList.toggle("filled", this.entries.length > 0);
  }
}
