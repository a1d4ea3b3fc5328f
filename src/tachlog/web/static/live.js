// Pages that stay true: when the archive changed, the page is asked for anew and only what differs
// is put in its place, so that scrolling, focus and selection stay. One tab of a browser listens
// for all of them; a hidden tab asks for nothing until it is looked at.
const note = document.getElementById("link");
const channel = new BroadcastChannel("tachlog-live");
let stale = false;
let asking = false;
let seen = null;

const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;

function settle(old, fresh) {
  if (old.isEqualNode(fresh) || old.nodeName === "OUTPUT") return;
  if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = fresh.nodeValue; return; }
  const open = old.open;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.nodeName === "DETAILS") old.open = open;
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    if (child.id && place && place.id !== child.id) {
      const known = [...old.children].find((each) => each.id === child.id);
      if (known) old.insertBefore(known, place), place = known;
    }
    if (place && same(place, child)) {
      const next = place.nextSibling;
      settle(place, child);
      place = next;
    } else old.insertBefore(child, place);
  }
  while (place) { const next = place.nextSibling; place.remove(); place = next; }
}

async function refresh() {
  if (document.hidden) { stale = true; return; }
  if (asking) { stale = true; return; }
  asking = true; stale = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      settle(document.getElementById("main"), page.getElementById("main"));
    }
  } catch { /* the stream says that the connection is lost */ } finally {
    asking = false;
    if (stale && !document.hidden) setTimeout(refresh, 1000);
  }
}

function told({ state, change }) {
  note.textContent = state === "live" ? "● live" : "connection lost, trying again";
  note.className = state;
  if (state !== "live") return;
  if (seen !== null && seen !== change) refresh();
  seen = change;
}

channel.onmessage = (event) => event.data.ask ? null : told(event.data);
document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) refresh(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); document.querySelector(".search input").select(); }
});
document.querySelector(".filters")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
document.querySelector(".filters")?.addEventListener("submit", (event) => {
  for (const field of event.currentTarget.elements) if (field.name && !field.value) field.disabled = true;
});

// A form with `data-post` (or the button of it that was pressed) sends its fields, and `data-body`, as JSON, after `data-ask` was answered
// with yes; what came of it is told in it.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.post) return;
  event.preventDefault();
  if (form.dataset.ask && !confirm(form.dataset.ask)) return;
  const fields = [...new FormData(form)].filter(([, value]) => value)
    .map(([name, value]) => [name, form.elements[name].type === "number" ? Number(value) : value]);
  const body = JSON.stringify({ ...JSON.parse(form.dataset.body || "{}"), ...Object.fromEntries(fields) });
  const told = form.querySelector("output");
  try {
    const headers = { "Content-Type": "application/json" };
    const to = event.submitter?.dataset.post || form.dataset.post;
    const answer = await fetch(to, { method: "POST", headers, body });
    const found = await answer.json();
    told.textContent = answer.ok ? found.token || found.done || "" : found.detail;
    if (answer.ok && form.dataset.then) location.href = form.dataset.then;
    else if (answer.ok) { form.reset(); refresh(); }
  } catch { told.textContent = "the service cannot be reached"; }
});

// A chart with `data-starts` lets a span of time be chosen, by dragging or with the arrows; the page is then of that time alone.
let span = null;

function at(svg, event) {
  const { left, width } = svg.getBoundingClientRect();
  const x = (event.clientX - left) * svg.viewBox.baseVal.width / width - svg.dataset.left;
  const place = x / svg.dataset.step;
  return within(svg, svg.dataset.wide ? Math.floor(place) : Math.round(place));
}

const within = (svg, place) => Math.max(0, Math.min(svg.dataset.starts.split(" ").length - 1, place));

function mark() {
  document.querySelectorAll(".zoomed").forEach((each) => each.remove());
  const note = document.querySelector("[data-zoom]");
  if (!span) return;
  const { svg, from, to } = span, { left, step, wide, starts } = svg.dataset;
  const [first, last] = from < to ? [from, to] : [to, from];
  const room = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const x = Number(left) + step * (first - (wide ? 0 : 0.5));
  for (const [name, value] of Object.entries({ class: "zoomed", x, y: 0, width: step * (last - first + 1), height: svg.viewBox.baseVal.height })) room.setAttribute(name, value);
  svg.append(room);
  const times = starts.split(" ");
  if (note) note.textContent = first === last ? times[first] : `${times[first]} to ${times[last]}`;
}

function zoom() {
  const { svg, from, to } = span;
  const times = svg.dataset.starts.split(" "), [first, last] = from < to ? [from, to] : [to, from];
  const end = times[last].length === 10 ? times[last] : times[last + 1];
  const there = new URL(location.href);
  there.searchParams.set("since", times[first]);
  if (end) there.searchParams.set("until", end); else there.searchParams.delete("until");
  location.href = there;
}

document.addEventListener("pointerdown", (event) => {
  const svg = event.button === 0 && event.target.closest?.("svg[data-starts]");
  if (!svg) return;
  svg.setPointerCapture(event.pointerId);
  const from = at(svg, event);
  span = { svg, from, to: from, drags: true };
});
document.addEventListener("pointermove", (event) => {
  if (!span?.drags) return;
  span.to = at(span.svg, event);
  if (span.to !== span.from) mark();
});
document.addEventListener("pointerup", () => {
  if (!span?.drags) return;
  span.drags = false;
  if (span.to !== span.from) zoom();
});
document.addEventListener("pointercancel", () => { span = null; mark(); });
document.addEventListener("keydown", (event) => {
  const svg = event.target.closest?.("svg[data-starts]");
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!svg || (!way && !["Enter", "Escape"].includes(event.key))) return;
  event.preventDefault();
  if (event.key === "Enter") { if (span?.svg === svg) zoom(); return; }
  if (event.key === "Escape") span = null;
  else if (span?.svg !== svg) { const last = within(svg, Infinity); span = { svg, from: last, to: last }; }
  else { span.to = within(svg, span.to + way); if (!event.shiftKey) span.from = span.to; }
  mark();
});

function listen() {
  const events = new EventSource("/api/v1/live");
  let last = null;
  const tell = (state) => { const all = { state, change: last }; told(all); channel.postMessage(all); };
  events.addEventListener("change", (event) => { last = JSON.parse(event.data).change; tell("live"); });
  events.onerror = () => tell("lost");
  channel.addEventListener("message", (event) => { if (event.data.ask && last !== null) tell("live"); });
}

if (navigator.locks) navigator.locks.request("tachlog-live", () => { listen(); return new Promise(() => {}); });
else listen();
channel.postMessage({ ask: true });
