// What htmx does not do: times in the person's own zone, and a sync followed by its own events.
"use strict";

const said = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const counted = new Intl.NumberFormat("en");

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) {
      time.title = time.textContent;
      time.textContent = said.format(at);
    }
  }
}

// The server's words at the last refresh; only numbers are moved here.
function move(panel, sync) {
  for (const [name, told] of Object.entries(sync.streams)) {
    const stream = told.ended ? { ...told, applied: told.read } : told; // all is put away, as progress.py says too
    const shown = panel.querySelector(`[data-stream="${CSS.escape(name)}"]`);
    if (!shown) continue; // while it waits there are no bars
    const expected = stream.ended ? stream.read : stream.expected === null ? null : Math.max(stream.expected, stream.read);
    for (const bar of shown.querySelectorAll("progress")) {
      if (expected !== null) {
        bar.max = expected || 1;
        bar.value = expected ? stream[bar.dataset.of] : 1;
      }
    }
    for (const number of shown.querySelectorAll("[data-number]")) {
      const value = number.dataset.number === "expected" ? expected : stream[number.dataset.number];
      number.textContent = value === null ? "…" : counted.format(value);
    }
  }
  const hasBegun = sync.started_at && !panel.querySelector("[data-seconds]"); // from now on its seconds are shown
  return sync.state === panel.dataset.state && !hasBegun;
}

function follow(panel) {
  const events = new EventSource(panel.dataset.progress);
  const stop = () => { events.close(); clearInterval(ticking); };
  const refresh = () => { stop(); if (panel.isConnected) htmx.trigger(panel, "refresh"); };
  const began = performance.now();
  const seconds = panel.querySelector("[data-seconds]");
  const ticking = setInterval(() => {
    if (!panel.isConnected) return stop();
    if (seconds) {
      const passed = Number(seconds.dataset.seconds) + (performance.now() - began) / 1000;
      seconds.textContent = passed < 60 ? `${passed.toFixed(1)} seconds` : `${Math.floor(passed / 60)} min ${Math.floor(passed % 60)} s`;
    }
  }, 200);
  events.addEventListener("progress", (event) => {
    if (!move(panel, JSON.parse(event.data))) refresh();
  });
  // Without the events it is asked for every two seconds; each fresh panel tries the events again.
  events.onerror = () => { events.close(); setTimeout(refresh, 2000); };
}

htmx.onLoad((root) => {
  localise(root);
  const panels = root.matches?.("[data-progress]") ? [root] : root.querySelectorAll("[data-progress]");
  panels.forEach(follow);
});
