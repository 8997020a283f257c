// The first tab: files, face and options in, a dubbed film out.
import { call, watch } from "./api.js";
import { $, el, facts, kept, say, showError } from "./dom.js";
import { Drop } from "./drop.js";
import { FaceChoice } from "./faces.js";
import { Pair } from "./player.js";
import { Stages, stageName, told } from "./stages.js";

const JOB = "avsynth-dub";

class Dub {
  constructor() {
    this.pair = new Pair();
    this.stages = new Stages($("dub-stages"));
    this.faces = new FaceChoice();
    this.film = new Drop($("film-drop"), () => this.#changed());
    this.speech = new Drop($("speech-drop"), () => this.#changed());
    this.record = new Drop($("record-drop"), () => this.#changed());
    this.references = new Drop($("references-drop"), () => this.#changed());
    this.stop = null;
    this.job = null;
    this.checked = "";
    $("dub-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    $("dub-cancel").addEventListener("click", () => this.#cancel());
    $("dub-remove").addEventListener("click", () => this.#remove());
    $("dub-form").addEventListener("change", () => this.#label());
    for (const id of ["purpose", "language"]) $(id).addEventListener("change", () => this.#check());
    const before = kept(JOB);
    if (before) {
      this.#follow(before);
    }
    this.#changed();
  }

  useRecord(upload) {
    this.record.put(upload);
  }

  get #running() {
    return ["waiting", "running"].includes(this.job?.state);
  }

  #changed() {
    const missing = [
      [this.film, "a film"], [this.speech, "the new speech"], [this.record, "a consent record"],
    ].filter(([drop]) => !drop.upload).map(([, what]) => what);
    const sending = [this.film, this.speech, this.record, this.references].some((drop) => drop.sending);
    const last = missing.pop();
    const list = missing.length ? `${missing.join(", ")} and ${last}` : last;
    $("dub-missing").textContent = sending ? "Files are on their way." : last ? `Choose ${list}.` : "";
    $("dub-start").disabled = Boolean(sending || last || this.#running);
    if (this.film.upload && !this.#running && this.film.upload.id !== this.shown) {
      this.shown = this.film.upload.id;
      $("dub-result").hidden = $("dub-job").hidden = true;
      $("after-nothing").textContent = "The result";
      this.pair.show(`/api/uploads/${this.shown}/play`, null);
    }
    this.faces.look(this.film.upload);
    this.#label();
    this.#check();
  }

  /** What the record says, and whether it allows this film, before any work is done. */
  async #check() {
    const record = this.record.upload;
    const line = $("record-line");
    const asked = record && {
      film: this.film.upload?.id, record: record.id, purpose: $("purpose").value || null,
      language: $("language").value.trim() || null, references: this.references.uploads.map((each) => each.id),
    };
    if (JSON.stringify(asked) === this.checked) return;
    this.checked = JSON.stringify(asked);
    const mine = this.checked;
    this.stopCheck?.();
    const show = (state, text) => {
      if (mine !== this.checked) return;
      line.hidden = !text;
      line.className = `verdict-line ${state}`;
      line.textContent = text;
    };
    show("", "");
    if (!record) {
      $("references-drop").hidden = true;
      return;
    }
    try {
      const found = await call(`/api/records/${record.id}`);
      if (mine !== this.checked) return;
      this.#offerPurposes(found.purposes);
      $("references-drop").hidden = found.kind !== "subject";
      if (found.state !== "valid") show("bad", found.line);
      else if (!asked.film) show("good", found.line);
      else this.#askAboutFilm(asked, show);
    } catch (error) {
      show("bad", error.message);
    }
  }

  async #askAboutFilm(asked, show) {
    show("", "Asking the record about this film …");
    const begun = await call("/api/check", asked);
    this.stopCheck = watch(begun.id, (view) => {
      if (view.state === "failed") show("bad", view.error);
      if (view.state !== "done") return;
      const label = view.result.label ? "; the result carries a visible research label" : "";
      show("good", `Allows this film: ${view.result.reasons[0]}, signed by ${view.result.signed_by}${label}`);
      call(`/api/jobs/${view.id}`, undefined, "DELETE").catch(() => {});
    }, (error) => show("bad", error.message));
  }

  #offerPurposes(purposes) {
    const select = $("purpose");
    const before = select.value;
    const all = el("option", { value: "" }, "All that the consent allows");
    select.replaceChildren(all, ...purposes.map((each) => el("option", { value: each }, each)));
    select.value = purposes.includes(before) ? before : "";
  }

  #asked() {
    return {
      film: this.film.upload?.id, speech: this.speech.upload?.id, record: this.record.upload?.id,
      references: this.references.uploads.map((each) => each.id),
      face: this.faces.value, purpose: $("purpose").value || null,
      language: $("language").value.trim() || null, fit: $("fit").value,
      quality: $("quality").value, own_voice: $("own-voice").checked,
    };
  }

  /** The button says whether it begins, or goes on with what was stopped. */
  #label() {
    const stopped = ["cancelled", "failed"].includes(this.job?.state) && this.job.stages.length > 2;
    const same = this.started === JSON.stringify(this.#asked());
    $("dub-start").textContent = stopped && same ? "Go on" : "Start dubbing";
  }

  async #start() {
    showError($("dub-error"), "");
    const asked = this.#asked();
    try {
      const view = await call("/api/dub", asked);
      kept(JOB, view.id);
      this.shown = asked.film;
      this.started = JSON.stringify(asked);
      this.#follow(view.id);
      $("dub-job").scrollIntoView({ block: "nearest" });
    } catch (error) {
      showError($("dub-error"), error.message);
    }
  }

  #follow(id) {
    this.stop?.();
    this.stages.clear();
    this.stage = "";
    this.stop = watch(id, (view) => this.#draw(view), () => {
      kept(JOB, null);
      this.job = null;
      $("dub-job").hidden = $("dub-result").hidden = true;
      this.#changed();
    });
  }

  #draw(view) {
    const before = this.job?.state;
    this.job = view;
    const done = view.state === "done";
    const original = `/api/jobs/${view.id}/original`;
    $("dub-start").disabled = this.#running || !this.record.upload || !this.film.upload || !this.speech.upload;
    this.#label();
    $("dub-job").hidden = done;
    $("dub-cancel").hidden = !this.#running;
    $("dub-result").hidden = !done;
    this.stages.draw(view);
    this.#headline(view);
    showError($("job-error"), view.state === "failed" ? view.error : "");
    if (before !== view.state) {
      this.pair.show(original, done ? `/api/jobs/${view.id}/result.mp4` : null);
      if (done) this.#result(view);
    }
  }

  #headline(view) {
    const now = view.stages.at(-1);
    const words = {
      waiting: view.before ? `Waiting for ${view.before} other job${view.before > 1 ? "s" : ""}` : "Waiting",
      running: "Dubbing", done: "Done", failed: "Stopped by an error",
      cancelled: "Cancelled: what is finished is kept",
    }[view.state];
    $("dub-job-title").textContent = words;
    const running = view.state === "running" && now;
    $("after-nothing").textContent = running ? `${stageName(now.name)} ${told(now)}` : words;
    const stage = running ? stageName(now.name) : words;
    if (stage !== this.stage) say(stage);
    this.stage = stage;
  }

  #result(view) {
    const at = (name) => `/api/jobs/${view.id}/${name}`;
    $("get-result").href = `${at("result.mp4")}?save=1`;
    $("get-report").href = `${at("result.mp4.report.json")}?save=1`;
    $("get-sheet").href = `${at("preview.png")}?save=1`;
    $("get-sheet").hidden = $("sheet").hidden = !view.result.sheet;
    if (view.result.sheet) $("sheet").src = at("preview.png");
    const { result } = view;
    const outcomes = Object.entries(result.outcomes).map(([why, count]) => `${count} ${why}`).join(", ");
    $("dub-facts").replaceChildren(...facts([
      ["Length", `${result.frames} frames, ${result.seconds.toFixed(2)} s (${result.fit})`],
      ["Face frames", outcomes],
      ["Networks", `${result.networks.join(", ")}; mouths by the ${result.renderer} renderer`],
      ["Speed", `${result.rate.toFixed(0)} frames a second${result.resumed ? "; went on where it had stopped" : ""}`],
      ["Missing", result.missing ? `${result.missing} frames of the film could not be decoded` : ""],
      ["Notes", result.notes.join("; ")],
    ]));
    const { credentials } = result;
    $("dub-credentials").textContent = credentials.summary;
    $("dub-credential-facts").replaceChildren(...facts([
      ...credentials.fields,
      ["What was done", credentials.actions.join("; ")],
      ["Made from", credentials.ingredients.join("; ")],
      ["Problems", credentials.problems.join("; ")],
    ]));
    say("The dub is done");
  }

  async #cancel() {
    try {
      this.#draw(await call(`/api/jobs/${this.job.id}/cancel`, {}));
      $("dub-start").focus();
    } catch (error) {
      showError($("dub-error"), error.message);
    }
  }

  async #remove() {
    await call(`/api/jobs/${this.job.id}`, undefined, "DELETE").catch(() => {});
    this.job = null;
    kept(JOB, null);
    $("dub-result").hidden = true;
    $("after-nothing").textContent = "The result";
    this.pair.show(this.film.upload ? `/api/uploads/${this.film.upload.id}/play` : null, null);
    this.#changed();
    say("Removed");
  }
}

export function startDub() {
  return new Dub();
}
