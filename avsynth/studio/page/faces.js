// Faces of the film to choose from.
import { call, watch } from "./api.js";
import { $, el, say } from "./dom.js";
import { told } from "./stages.js";

export class FaceChoice {
  constructor() {
    this.film = null;
    this.stop = null;
  }

  get value() {
    return document.querySelector("input[name=face]:checked").value;
  }

  /** Look for the faces of a film; once for each film. */
  async look(upload) {
    if (upload?.id === this.film) return;
    this.film = upload?.id;
    this.stop?.();
    $("face-pictures").replaceChildren();
    $("face-words").querySelector("input").checked = true;
    this.#tell(upload ? "Looking for faces …" : "Faces of the film appear here once it is chosen.");
    if (!upload) return;
    try {
      const job = await call("/api/faces", { film: upload.id });
      this.stop = watch(job.id, (view) => this.#draw(view), (error) => this.#tell(error.message));
    } catch (error) {
      this.#tell(error.message);
    }
  }

  #draw(view) {
    if (view.state === "failed") this.#tell(view.error);
    else if (view.state === "done") this.#offer(view);
    else if (view.stages.length) this.#tell(`Looking for faces: ${told(view.stages.at(-1))}`);
  }

  #offer(view) {
    const { faces, whole } = view.result;
    const pictures = faces.map((face, place) => el("label", {},
      el("input", { type: "radio", name: "face", value: face.choice }),
      el("img", { src: `/api/jobs/${view.id}/${face.picture}`, alt: `Face ${place + 1}`, width: 72, height: 72 })));
    $("face-pictures").replaceChildren(...pictures);
    const part = whole ? "" : " in the beginning of the film";
    const found = faces.length === 1 ? "One face was found" : `${faces.length} faces were found`;
    this.#tell(faces.length ? `${found}${part}; or choose one:` : `No face was found${part}.`);
    say($("faces-line").textContent);
  }

  #tell(text) {
    $("faces-line").textContent = text;
  }
}
