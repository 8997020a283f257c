// Requests to the studio. Every failure is an Error with the one line that the server gave.

export async function call(path, body, method = body === undefined ? "GET" : "POST") {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error("The studio does not answer: is it still running?"), { away: true });
  }
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.error), { status: answer.status });
  return found;
}

/** Send a file; `progress(share)` as it goes. Returns {done, abort}. */
export function send(file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => progress(event.loaded / event.total));
    request.addEventListener("load", () => {
      const found = JSON.parse(request.responseText || "{}");
      if (request.status === 200) resolve(found);
      else reject(new Error(found.error));
    });
    request.addEventListener("error", () => {
      reject(new Error("The file was not taken: it is too large, or the studio is gone."));
    });
    request.addEventListener("abort", () => reject(new Error("")));
  });
  request.open("POST", "/api/uploads");
  request.setRequestHeader("X-File-Name", encodeURIComponent(file.name.toWellFormed?.() ?? file.name));
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { done, abort: () => request.abort() };
}

/** Look at a job until it is over; `show(view)` each time. Returns a function that stops looking. */
export function watch(id, show, gone) {
  let stopped = false;
  async function look() {
    if (stopped) return;
    let wait = 300;
    try {
      const view = await call(`/api/jobs/${id}`);
      if (stopped) return;
      show(view);
      if (["done", "failed", "cancelled"].includes(view.state)) return;
    } catch (error) {
      if (!error.away) {
        gone(error);
        return;
      }
      wait = 2000;
    }
    setTimeout(look, wait);
  }
  look();
  return () => { stopped = true; };
}
