// Measures a page from within: what it fetches, how wide it is, contrast, names, order.
"use strict";

function rgb(text) {
  const parts = text.match(/[\d.]+/g).map(Number);
  return { colour: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
}

function luminance(colour) {
  const linear = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function background(element) {
  for (let at = element; at; at = at.parentElement) {
    const found = rgb(getComputedStyle(at).backgroundColor);
    if (found.alpha > 0.99) return found.colour;
  }
  return [255, 255, 255];
}

function contrasts() {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const paint = rgb(element instanceof SVGElement ? style.fill : style.color);
    const pair = [luminance(paint.colour), luminance(background(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    found.push({ text: walker.currentNode.data.trim().slice(0, 40), ratio, alpha: paint.alpha });
  }
  return found;
}

function tooWide() {
  const limit = document.documentElement.clientWidth + 1;
  const wide = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".skip, .hidden, script")) continue;
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > limit || box.left < -1)) {
      wide.push(`${element.tagName}.${element.getAttribute("class")} ${Math.round(box.right)}`);
    }
  }
  return wide;
}

function overlaps() {
  // Letters of one chart that lie on each other.
  const found = [];
  for (const chart of document.querySelectorAll("svg.chart")) {
    const boxes = [...chart.querySelectorAll("text")].map((text) => [
      text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([name, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 3) found.push(`${name} | ${other}`);
    }));
  }
  return found;
}

function measured() {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all("[id]").map((element) => element.id);
  return {
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name),
    scroll: document.documentElement.scrollWidth,
    width: document.documentElement.clientWidth,
    wide: tooWide(),
    overlaps: overlaps(),
    contrasts: contrasts(),
    headings: all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1])),
    repeated: ids.filter((id, place) => ids.indexOf(id) !== place),
    broken: all("img").filter((img) => !img.complete || !img.naturalWidth).length,
    images: all("img").length,
    unnamed: all("img, svg[role=img], nav, section").filter((element) => !(
      element.getAttribute("alt") || element.getAttribute("aria-label") ||
      element.getAttribute("aria-labelledby"))).length,
    loose: all("svg").filter((svg) => !svg.closest("[role=img], [aria-hidden=true]")).length,
    anchors: all("a[href^='#']").filter((a) => !document.querySelector(a.getAttribute("href")))
      .length,
    landmarks: ["header", "main", "footer"].filter((name) => all(name).length === 1),
    tables: all("table").filter((table) => !table.caption || ![...table.querySelectorAll("th")]
      .every((cell) => ["row", "col"].includes(cell.scope))).length,
    focusable: all("a[href], summary").filter((element) => {
      element.focus();
      return document.activeElement === element;
    }).length,
    reachable: all("a[href], summary").length,
    language: document.documentElement.lang,
    handlers: all("*").filter((element) => element.tagName === "SCRIPT" ? !element.text.includes(
      "Measures a page") : [...element.attributes].some((a) => a.name.startsWith("on"))).length,
  };
}

addEventListener("load", () => {
  frameElement.dataset.measured = JSON.stringify(measured());
});
