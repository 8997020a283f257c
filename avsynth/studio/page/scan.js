// The second tab: files in, a verdict and a report of each out.
import { call, watch } from "./api.js";
import { $, el, kept, say, showError } from "./dom.js";
import { Drop } from "./drop.js";

const JOB = "avsynth-scan";
const OVER = ["done", "failed", "cancelled"];

class Scan {
  constructor() {
    this.drop = new Drop($("scan-drop"), () => this.#changed());
    this.job = null;
    this.told = 0;
    $("scan-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    $("scan-cancel").addEventListener("click", () => this.#cancel());
    $("scan-report-close").addEventListener("click", () => this.#close());
    const before = kept(JOB);
    if (before) {
      const { id, names } = JSON.parse(before);
      this.#follow(id, names);
    }
  }

  #changed() {
    const count = this.drop.uploads.length;
    const running = this.job && !OVER.includes(this.job.state);
    $("scan-start").disabled = !count || this.drop.sending || running;
    $("scan-start").textContent = count > 1 ? `Scan ${count} files` : "Scan";
  }

  async #start() {
    showError($("scan-error"), "");
    const { uploads } = this.drop;
    try {
      const view = await call("/api/scan", { files: uploads.map((each) => each.id) });
      const names = uploads.map((each) => each.name);
      kept(JOB, JSON.stringify({ id: view.id, names }));
      this.#close();
      this.#follow(view.id, names);
    } catch (error) {
      showError($("scan-error"), error.message);
    }
  }

  #follow(id, names) {
    this.stop?.();
    this.told = 0;
    $("scan-verdicts").replaceChildren(...names.map((name) => el("li", { className: "pending" },
      el("span", { className: "answer" }, "Waiting"), el("span", { className: "file-name" }, name))));
    $("scan-results").hidden = false;
    this.stop = watch(id, (view) => this.#draw(view, names), () => {
      kept(JOB, null);
      this.job = null;
      $("scan-results").hidden = true;
      this.#changed();
    });
  }

  #draw(view, names) {
    this.job = view;
    const over = OVER.includes(view.state);
    const rows = $("scan-verdicts").children;
    for (const part of view.parts.slice(this.told)) {
      rows[part.number].replaceWith(this.#row(part, names[part.number], view.id));
      say(`${names[part.number]}: ${part.headline}`);
    }
    this.told = view.parts.length;
    const waiting = view.state === "waiting" && view.before ? `Waiting for ${view.before} other job${view.before > 1 ? "s" : ""}.` : "";
    $("scan-line").textContent = over ? { cancelled: "Cancelled." }[view.state] ?? "" : waiting || `${view.parts.length} of ${names.length} done.`;
    $("scan-bar").hidden = over;
    $("scan-bar").max = names.length;
    $("scan-bar").value = view.parts.length;
    $("scan-cancel").hidden = over;
    $("scan-lines").hidden = !view.parts.length;
    $("scan-lines").href = `/api/jobs/${view.id}/scan.jsonl?save=1`;
    showError($("scan-error"), view.state === "failed" ? view.error : "");
    for (const row of document.querySelectorAll("#scan-verdicts .pending .answer")) {
      row.textContent = over ? "Not scanned" : view.state === "running" ? "Not yet" : "Waiting";
    }
    if (view.state === "done") say(`All ${names.length} files are scanned`);
    this.#changed();
  }

  #row(part, name, id) {
    const address = `/api/jobs/${id}/page-${part.number}.html`;
    const show = el("button", { type: "button", "aria-label": `Report of ${name}` }, "Report");
    show.addEventListener("click", () => this.#show(address, name));
    const score = part.score === null ? null
      : el("span", { className: "score" }, `Score ${part.score} (95 % interval ${part.interval})`);
    return el("li", { className: part.answer },
      el("span", { className: "answer" }, part.headline), el("span", { className: "file-name" }, name),
      el("span", { className: "reason" }, part.reason), score, show);
  }

  #show(address, name) {
    $("scan-report-title").textContent = `Report: ${name}`;
    $("scan-frame").src = address;
    $("scan-frame").title = `Report of ${name}`;
    $("scan-report-tab").href = address;
    $("scan-report").hidden = false;
    $("scan-report").scrollIntoView({ block: "start" });
    $("scan-report-title").focus({ preventScroll: true });
  }

  #close() {
    $("scan-report").hidden = true;
    $("scan-frame").removeAttribute("src");
  }

  async #cancel() {
    await call(`/api/jobs/${this.job.id}/cancel`, {}).catch((error) => showError($("scan-error"), error.message));
    $("scan-start").focus();
  }
}

export function startScan() {
  return new Scan();
}
