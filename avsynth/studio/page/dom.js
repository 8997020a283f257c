// Small things that all parts of the page use. Text only ever becomes text, never markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties, attributes in `aria` and `data`, and children. */
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "for" || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Tell those who listen rather than look. */
export function say(text) {
  $("live").textContent = text;
}

export function showError(place, text) {
  place.textContent = text;
  place.hidden = !text;
}

export function bytes(count) {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(count / 1e3))} kB`;
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function clock(seconds) {
  const whole = Math.max(0, seconds);
  return `${Math.floor(whole / 60)}:${(whole % 60).toFixed(1).padStart(4, "0")}`;
}

/** Pairs of term and description, as a description list's children. */
export function facts(pairs) {
  return pairs
    .filter(([, text]) => text !== null && text !== undefined && text !== "")
    .flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]);
}

export function kept(name, value) {
  if (value === undefined) return sessionStorage.getItem(name);
  if (value === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, value);
  return value;
}
