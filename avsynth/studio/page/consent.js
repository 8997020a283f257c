// The third tab: consent records made, signed on the operator's word, and read.
import { call } from "./api.js";
import { $, facts, say, showError } from "./dom.js";
import { Drop } from "./drop.js";

const KINDS = {
  subject: ["A person allows the use of face, voice or both, until a day that they name.", "Name of the person", "Media of the person", "Expires (needed)"],
  synthetic: ["The person in the media does not exist; how far the nearest real one is was measured.", "Name of the composite", "Media that it covers", "Expires"],
  dataset: ["The media belong to a data set whose licence allows the purposes. Results carry a visible label.", "Name of the data set", "Media that it covers", "Expires"],
};

class Consent {
  constructor(use) {
    this.use = use;
    this.media = new Drop($("media-drop"), () => this.#changed());
    this.given = new Drop($("check-drop"), () => this.#check());
    this.record = null;
    for (const radio of document.querySelectorAll("input[name=kind]")) {
      radio.addEventListener("change", () => this.#kind());
    }
    $("consent-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make();
    });
    $("my-word").addEventListener("change", () => { $("sign").disabled = !$("my-word").checked; });
    $("sign").addEventListener("click", () => this.#sign());
    $("card-use").addEventListener("click", () => this.use(this.record.upload));
    this.#kind();
    this.#changed();
  }

  get kind() {
    return document.querySelector("input[name=kind]:checked").value;
  }

  #kind() {
    const [line, name, media, expires] = KINDS[this.kind];
    $("kind-line").textContent = line;
    $("name-label").textContent = name;
    $("media-label").textContent = media;
    $("expires-label").textContent = expires;
    for (const field of document.querySelectorAll("[data-for]")) {
      field.hidden = field.dataset.for !== this.kind;
    }
  }

  #changed() {
    $("consent-make").disabled = !this.media.uploads.length || this.media.sending;
  }

  async #make() {
    showError($("consent-error"), "");
    const words = (id) => $(id).value.split(",").map((each) => each.trim()).filter(Boolean);
    const number = (id) => ($(id).value === "" ? null : Number($(id).value));
    const own = {
      subject: () => ({
        scopes: [...document.querySelectorAll("input[name=scope]:checked")].map((each) => each.value),
        languages: words("languages"),
      }),
      synthetic: () => ({
        distance: number("distance"), threshold: number("threshold"),
        measure: $("measure").value || null, compared: number("compared"),
      }),
      dataset: () => ({ licence: $("licence").value || null }),
    }[this.kind]();
    try {
      this.#show(await call("/api/records", {
        kind: this.kind, name: $("consent-name").value, purposes: words("purposes"),
        media: this.media.uploads.map((each) => each.id),
        valid_from: $("valid-from").value || null, expires: $("expires").value || null, ...own,
      }));
    } catch (error) {
      showError($("consent-error"), error.message);
    }
  }

  async #check() {
    showError($("check-error"), "");
    const upload = this.given.upload;
    if (!upload) return;
    try {
      this.#show(await call(`/api/records/${upload.id}`));
    } catch (error) {
      $("card").hidden = true;
      showError($("check-error"), error.message);
    }
  }

  async #sign() {
    showError($("check-error"), "");
    try {
      this.#show(await call(`/api/records/${this.record.upload.id}/sign`, { my_word: true }));
    } catch (error) {
      showError($("check-error"), error.message);
    }
  }

  async #show(record) {
    this.record = record;
    const unsigned = record.state === "unsigned";
    const short = (digest) => digest && digest.replace(/(.{16}).*/, "$1 …");
    $("card-title").textContent = record.about;
    $("card-line").className = `verdict-line ${{ valid: "good", refused: "bad", unsigned: "" }[record.state]}`;
    $("card-line").textContent = unsigned ? "Not signed yet: nothing may be made with it." : record.line;
    const whose = record.ours ? "this machine’s key: its operator’s word" : record.trusted_as ?? "not trusted here";
    const kinds = { subject: "a person who agrees", synthetic: "nobody: a person who does not exist", dataset: "a data set" };
    $("card-facts").replaceChildren(...facts([
      ["About", kinds[record.kind]],
      ["Signed by", record.signer ? `${short(record.signer)} (${whose})` : "nobody yet"],
      ["Valid", `${record.valid_from.slice(0, 10)} until ${record.expires?.slice(0, 10) ?? "it is revoked"}`],
      ["Scope", record.scopes?.join(", ")],
      ["Languages", record.kind === "subject" ? record.languages?.join(", ") ?? "any" : ""],
      ["Licence", record.licence],
      ["Nearest", record.nearest],
      ["Purposes", record.purposes.join(", ")],
      ["Media", `${record.listed}: ${record.media.join(", ")}`],
      ["SHA-256", short(record.record_sha256)],
    ]));
    $("signing").hidden = !unsigned;
    $("my-word").checked = false;
    $("sign").disabled = true;
    $("card-use").hidden = unsigned;
    $("card-save").href = `/api/uploads/${record.upload.id}/save`;
    $("card").hidden = false;
    $("card-title").focus();
    say($("card-line").textContent);
    const { fingerprint } = await call("/api/key");
    $("own-key").textContent = fingerprint ? ` (${short(fingerprint)})` : ", which is made when it first signs";
  }
}

export function startConsent(use) {
  return new Consent(use);
}
