// Tabs, and what the parts of the page share.
import { startConsent } from "./consent.js";
import { $ } from "./dom.js";
import { startDub } from "./dub.js";
import { startScan } from "./scan.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

function open(tab, focus = false) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  history.replaceState(null, "", `#${tab.id.slice(4)}`);
  if (focus) tab.focus();
}

for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => open(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    open(tabs[(place + step + tabs.length) % tabs.length], true);
  });
}

// A file that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => event.preventDefault());
}

const dub = startDub();
startScan();
startConsent((upload) => {
  open($("tab-dub"), true);
  dub.useRecord(upload);
});
open($(`tab-${location.hash.slice(1)}`) ?? tabs[0]);
