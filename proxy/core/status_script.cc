#include "proxy/core/status_script.h"

namespace proxy {
namespace {

constexpr std::string_view kScript = R"js(
"use strict";
const at = id => document.getElementById(id);
const dash = "\u2013";
function seconds(value) {
  if (value === null) return dash;
  if (value < 60) return value.toFixed(1) + " s";
  if (value < 7200) return Math.round(value / 60) + " min";
  return Math.round(value / 3600) + " h";
}
// Characters that nobody sees, or that turn the order of others around, would let one name look
// like another.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
function visible(name) {
  return name.replace(unseen,
    c => "\u27e8U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
}
const nameOf = entry => visible(entry.keyspace) + "/" + visible(entry.shard);
const keyOf = entry => JSON.stringify([entry.keyspace, entry.shard]);

// A text that may be broken before a capital letter.
function breakable(text) {
  return text.split(/(?<=[a-z])(?=[A-Z])/).flatMap(
    (part, i) => i === 0 ? [part] : [document.createElement("wbr"), part]);
}
// A cell is {label, text, style, title}. A row that is there keeps its elements, and so the
// selection and the place of the screen reader.
function fillRow(tr, cells) {
  while (tr.cells.length < cells.length) {
    tr.insertCell().append(document.createElement("bdi"));
  }
  cells.forEach((cell, i) => {
    const td = tr.cells[i];
    const text = String(cell.text);
    const title = cell.title || "";
    if (td.dataset.label !== cell.label) td.dataset.label = cell.label;
    if (td.className !== cell.style) td.className = cell.style;
    if (td.title !== title) td.title = title;
    if (td.firstChild.textContent !== text) td.firstChild.replaceChildren(...breakable(text));
  });
}
function fillTable(body, rows, empty) {
  while (body.rows.length > Math.max(rows.length, 1)) body.deleteRow(-1);
  while (body.rows.length < Math.max(rows.length, 1)) body.insertRow();
  if (rows.length === 0) {
    const td = document.createElement("td");
    td.className = "text none";
    td.colSpan = body.parentElement.tHead.rows[0].cells.length;
    td.textContent = empty;
    body.rows[0].replaceChildren(td);
    return;
  }
  const first = body.rows[0];
  if (first.cells.length !== rows[0].length) first.replaceChildren();
  rows.forEach((row, i) => fillRow(body.rows[i], row));
}
const text = (label, value, style) => ({label, text: value, style: "text" + (style ? " " + style : "")});
// A short name is not broken; the longest IPv4 address with its port is short.
const name = (label, value) => text(label, value, /^[ -~]{1,21}$/.test(value) ? "name short" : "name");
const number = (label, value) => ({label, text: value, style: "number"});
// Marks a cell that needs a look, with the reason.
const marked = (cell, needed, title) => needed
  ? {...cell, text: "\u25b2 " + cell.text, style: cell.style + " trouble", title} : cell;

const well = {Primary: "\u25cf", Replica: "\u25cb"};
function backendRow(b) {
  const style = b.state in well ? b.state : "trouble";
  return [
    name("backend", b.address),
    text("state", (well[b.state] || "\u25b2") + " " + b.state, "state " + style),
    number("last answer", seconds(b.last_answer_age_seconds)),
    text("why", visible(b.reason) || dash)];
}
// Reports name the primary. If its backend does not tell what it is, they may be out of date.
const silent = ["Unreachable", "Hung", "Refused", "Full", "Unknown"];
function showPrimary(status) {
  const seen = status.backends.find(b => b.address === status.primary);
  const unknown = seen !== undefined && silent.includes(seen.state);
  const age = unknown ? seen.last_answer_age_seconds : null;
  const past = status.last_primary
    ? " (last: " + status.last_primary + (age === null ? "" : ", " + seconds(age) + " ago") + ")" : "";
  at("primary").className = unknown ? "trouble" : "";
  at("primary").textContent = unknown ? "\u25b2 unknown" + past : status.primary || "none" + past;
}

// The counters of a shard since the start of the proxy, by column and by name.
const countersOf = s => ({
  "failovers": {"": s.failovers},
  "held in all": {"": s.buffered},
  "retry trouble": {overdue: s.overdue, failed: s.retries_failed, "held again": s.held_again},
  "gave up": s.evicted,
  "passed": {...s.skipped, "slipped past": s.slipped_past}});
const recently = 30;
const noted = new Map();
// Gives each shard its counters and when each of them was last seen to grow.
function noteCounters(status) {
  if (last !== null && status.uptime_seconds < last.uptime_seconds) noted.clear();
  for (const s of status.shards) {
    const before = noted.get(keyOf(s));
    s.counters = countersOf(s);
    s.grew = before ? before.grew : {};
    for (const [column, counters] of Object.entries(s.counters)) {
      for (const [name, count] of Object.entries(counters)) {
        const grows = before && count > (before.counters[column][name] || 0);
        if (grows) s.grew[column + "/" + name] = status.uptime_seconds;
      }
    }
    noted.set(keyOf(s), {counters: s.counters, grew: s.grew});
  }
}
const isRecent = time => last.uptime_seconds - time <= recently;
function counted(s, column, style) {
  const parts = Object.entries(s.counters[column]).filter(([, count]) => count > 0).map(
    ([name, count]) => count + (name && " " + name)
      + (isRecent(s.grew[column + "/" + name]) ? " \u2191" : ""));
  return {label: column, text: parts.join(", ") || 0, style};
}
const isActive = s => s.state !== "Idle" || s.held > 0 || s.retrying > 0 || s.overdue > 0
  || Object.values(s.grew).some(isRecent);

const signs = {Idle: "\u25cb", Buffering: "\u25a0", Draining: "\u25b6"};
const urgencies = {Buffering: 0, Draining: 1};
const urgency = s => s.state in urgencies ? urgencies[s.state] : isActive(s) ? 2 : 3;
function shardRow(s) {
  const {slots, window_seconds: longest} = last;
  return [
    name("shard", nameOf(s)),
    text("state", (signs[s.state] || "?") + " " + s.state, "state " + s.state),
    number("held", s.held),
    marked(number("retrying", s.retrying), s.retrying > 0 && s.state === "Idle",
      "these retries may hang: the shard does not wait for them any more"),
    marked(number("oldest held", seconds(s.oldest_held_seconds)), s.oldest_held_seconds > longest + 1,
      "held for longer than the window"),
    marked(number("budget left", seconds(s.budget_left_seconds)), s.budget_left_seconds < 1,
      "under 1 s no failover is held"),
    number("last report", seconds(s.last_report_age_seconds)),
    number("epoch", s.epoch), counted(s, "failovers", "number"),
    counted(s, "held in all", "number"),
    marked(counted(s, "retry trouble", "reasons"), s.overdue > 0, "retries did not end in time"),
    counted(s, "gave up", "reasons"), counted(s, "passed", "reasons"),
    marked(number("size needed", s.size_needed === null ? dash : s.size_needed),
      s.size_needed > slots, "more than the slots that there are")];
}

const releasedOf = f => f.released_seconds_ago === null ? 0 : f.released_seconds_ago;
const endedOf = f => f.ended_seconds_ago === null ? 0 : f.ended_seconds_ago;
const heldFor = f => f.began_seconds_ago - releasedOf(f);
// The times of an event are rounded.
const rounding = 0.01;
function endOf(f) {
  const longest = last.max_failover_duration_seconds;
  const early = f.end === "MaxDurationExceeded" && heldFor(f) < longest - rounding;
  return f.end + (early ? " (before the maximum of " + seconds(longest) + ")" : "");
}
function failoverRow(f) {
  return [
    name("shard", nameOf(f)),
    text("began", seconds(f.began_seconds_ago) + " ago"),
    marked(number("held for", seconds(heldFor(f))), heldFor(f) > last.window_seconds + rounding,
      "longer than the window"),
    number("released in",
           f.released_seconds_ago === null ? dash : seconds(releasedOf(f) - endedOf(f))),
    number("held at release", f.released_seconds_ago === null ? dash : f.held),
    text("cause", f.cause), text("end", endOf(f) || "\u2026 it goes on")];
}

const hour = 3600;
// The bar of a failover reaches from its beginning to now, and its parts are to scale. The style
// gives a hold a least width, and a release follows its hold however wide that is.
function bar(f) {
  const div = document.createElement("div");
  const begin = Math.min(f.began_seconds_ago, hour);
  const part = (from, to, style) => {
    const i = document.createElement("i");
    i.className = style;
    i.style.width = 100 * Math.max(Math.min(from, hour) - to, 0) / Math.max(begin, 0.001) + "%";
    div.append(i);
  };
  div.style.left = "min(" + 100 * (1 - begin / hour) + "%, 100% - 2px)";
  part(f.began_seconds_ago, releasedOf(f), "hold");
  if (f.released_seconds_ago !== null) part(releasedOf(f), endedOf(f), "drain");
  return div;
}
// The shards with the newest failovers have a lane each.
const mostLanes = 12;
function lanes(failovers) {
  const byShard = new Map();
  for (const f of failovers) {
    if (endedOf(f) >= hour) continue;
    byShard.set(keyOf(f), [...byShard.get(keyOf(f)) || [], f]);
  }
  const items = [...byShard.values()].slice(0, mostLanes).map(list => {
    const name = nameOf(list[0]);
    const li = document.createElement("li");
    const label = document.createElement("span");
    const lane = document.createElement("div");
    const isolated = document.createElement("bdi");
    isolated.textContent = name;
    label.title = name;
    label.append(isolated);
    lane.className = "lane";
    lane.setAttribute("role", "img");
    lane.setAttribute("aria-label", list.map(f => "began " + seconds(f.began_seconds_ago)
      + " ago, held for " + seconds(heldFor(f))).join("; "));
    lane.append(...list.map(bar));
    li.append(label, lane);
    return li;
  });
  const remark = text => {
    const li = document.createElement("li");
    li.className = "none";
    li.textContent = text;
    items.push(li);
  };
  if (byShard.size > mostLanes) remark("and " + (byShard.size - mostLanes) + " more shards");
  if (items.length === 0) remark("none");
  return items;
}

let last = null;
function showShards() {
  if (last === null) return;
  const wanted = at("find").value.toLowerCase();
  const shown = last.shards.filter(s => (!at("active").checked || isActive(s))
    && nameOf(s).toLowerCase().includes(wanted));
  shown.sort((a, b) => urgency(a) - urgency(b));
  at("shown").textContent = shown.length + " of " + last.shards.length + " shown";
  fillTable(at("shards"), shown.map(shardRow), "no shard");
}
function show(status) {
  noteCounters(status);
  last = status;
  const counts = {Buffering: 0, Draining: 0, Idle: 0};
  for (const s of status.shards) ++counts[s.state];
  showPrimary(status);
  at("clients").textContent = status.clients + " of " + status.clients_limit
    + (status.draining ? ", draining" : "");
  at("slots").textContent = (status.slots - status.slots_free) + " of " + status.slots;
  at("window").textContent = seconds(status.window_seconds);
  at("uptime").textContent = seconds(status.uptime_seconds);
  at("states").textContent = Object.entries(counts).filter(([, n]) => n > 0)
    .map(([state, n]) => n + "\u00a0" + state).join(", ") || "none";
  fillTable(at("backends"), status.backends.map(backendRow), "none");
  showShards();
  fillTable(at("failovers"), status.last_failovers.map(failoverRow), "none");
  at("timeline").replaceChildren(...lanes(status.last_failovers));
}
function setLive(live) {
  const text = live ? "live" : "no connection: this is the last known state";
  if (at("live").textContent === text) return;
  at("live").textContent = text;
  at("live").className = live ? "" : "lost";
  document.body.className = live ? "" : "lost";
}

// A browser does not come back by itself after an answer like 503, and waits for ever for a machine
// that is gone without a word. So a connection that is silent for too long is made anew.
const silence = 5000;
let events = null;
let watchdog = null;
function expectEvent() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => { setLive(false); connect(); }, silence);
}
function connect() {
  if (events !== null) events.close();
  events = new EventSource("/events");
  events.onmessage = event => {
    show(JSON.parse(event.data));
    setLive(true);
    expectEvent();
  };
  events.onerror = () => setLive(false);
  expectEvent();
}
at("find").oninput = showShards;
at("active").onchange = showShards;
connect();
)js";

}  // namespace

std::string_view StatusScript() { return kScript; }

}  // namespace proxy
