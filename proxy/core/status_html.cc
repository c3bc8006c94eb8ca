#include "proxy/core/status_html.h"

#include <string>

namespace proxy {
namespace {

// Below 800 pixels each row of a table becomes a block of lines, so that nobody has to scroll
// aside. Colours only repeat what words, signs or patterns say.
constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --text: #1f2328; --quiet: #57606a; --back: #fff; --card: #f6f8fa;
  --line: #d0d7de; --link: #0550ae; --idle: #116329; --hold: #b42318; --drain: #7d4e00;
  --bar: #d1242f; --bar-drain: #bf8700; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9da7b1; --back: #0d1117; --card: #161b22; --line: #3d444d;
    --link: #79b8ff; --idle: #56d364; --hold: #ff7b72; --drain: #e3b341; --bar: #f85149;
    --bar-drain: #d29922; }
}
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1.2em; max-width: 100em;
  color: var(--text); background: var(--back); }
h1 { font-size: 1.4em; margin: 0 0 .6em; } h2 { font-size: 1.15em; margin: 1.8em 0 .6em; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11em, 1fr)); gap: .6em;
  margin: 0; }
dl.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .45em .8em; min-width: 0; }
dt { color: var(--quiet); font-size: .85em; } dd { margin: 0; font-weight: 600; }
dd, td { overflow-wrap: anywhere; } td.number { white-space: nowrap; }
.controls { display: flex; flex-wrap: wrap; gap: .4em 1.5em; align-items: center; margin: .5em 0; }
.controls label { display: inline-flex; gap: .5em; align-items: center; }
input[type=search] { font: inherit; padding: .25em .5em; width: 15em; max-width: 100%;
  color: inherit; background: var(--card); border: 1px solid var(--quiet); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35em .7em; text-align: right; vertical-align: top; }
th { border-bottom: 2px solid var(--line); color: var(--quiet); font-size: .85em;
  vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); }
th.text, td.text { text-align: left; }
td.state { white-space: nowrap; font-weight: 600; }
.Idle, .Primary, .Replica { color: var(--idle); } .Draining { color: var(--drain); }
.Buffering, .trouble { color: var(--hold); }
td.reasons { min-width: 11em; overflow-wrap: normal; }
#timeline { margin: 0; padding: 0; list-style: none; }
#timeline li { display: grid; grid-template-columns: 14em 1fr; gap: .8em; align-items: center;
  margin: .25em 0; }
#timeline span { min-width: 0; }
#timeline bdi { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.lane { position: relative; height: 1.3em; background: var(--card);
  border: 1px solid var(--line); border-radius: 3px; overflow: hidden; }
.lane i, .key i { background: var(--bar); }
.lane i { position: absolute; top: 0; bottom: 0; min-width: 4px; }
.lane i.drain, .key i.drain { background: repeating-linear-gradient(135deg, var(--bar-drain) 0 3px,
  var(--card) 3px 6px); }
.key { color: var(--quiet); font-size: .85em; display: flex; flex-wrap: wrap; gap: .2em 1.5em; }
.key i { display: inline-block; width: 1.4em; height: .8em; margin-right: .4em;
  border: 1px solid var(--line); }
.axis { display: flex; justify-content: space-between; color: var(--quiet);
  padding-left: 14.8em; }
.axis span { font-size: .85em; }
.none { color: var(--quiet); }
#live.lost { color: var(--hold); }
body.lost main { outline: 3px dashed var(--hold); outline-offset: .4em; }
@media (max-width: 800px) {
  body { padding: .8em; }
  dl.facts { grid-template-columns: 1fr 1fr; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1em; padding: .5em .7em;
    margin: .5em 0; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
  td { display: flex; justify-content: space-between; gap: .6em; border: 0; padding: .1em 0; }
  td.text { grid-column: 1 / -1; }
  td::before { content: attr(data-label); color: var(--quiet); font-weight: 400;
    font-size: .85em; overflow-wrap: normal; }
  td.name { font-weight: 600; } td.name::before, td.state::before { content: none; }
  td:not(.name, .state).text bdi { text-align: right; }
  #timeline li { grid-template-columns: 1fr; gap: .1em; }
  .axis { padding-left: 0; }
}
)css";

constexpr std::string_view kBody = R"html(
<h1>failover proxy</h1>
<dl class="facts">
<div><dt>this page</dt><dd id="live" role="status">connecting</dd></div>
<div><dt>primary</dt><dd id="primary">?</dd></div>
<div><dt>clients</dt><dd id="clients">?</dd></div>
<div><dt>slots in use</dt><dd id="slots">?</dd></div>
<div><dt>window</dt><dd id="window">?</dd></div>
<div><dt>shards</dt><dd id="states">?</dd></div>
</dl>
<main>
<h2 id="backends-title">Backends</h2>
<table aria-labelledby="backends-title">
<thead><tr><th scope="col" class="text">backend</th><th scope="col" class="text">state</th>
<th scope="col">last answer</th><th scope="col" class="text">why</th></tr></thead>
<tbody id="backends"></tbody>
</table>
<h2 id="shards-title">Shards</h2>
<div class="controls">
<label>Find <input type="search" id="find" autocomplete="off" spellcheck="false"></label>
<label><input type="checkbox" id="active"> only shards that are not idle</label>
<span id="shown" class="none"></span>
</div>
<table aria-labelledby="shards-title">
<thead><tr><th scope="col" class="text">shard</th><th scope="col" class="text">state</th>
<th scope="col">held</th><th scope="col">retrying</th><th scope="col">overdue</th>
<th scope="col">oldest held</th>
<th scope="col">budget left</th><th scope="col">last report</th><th scope="col">epoch</th>
<th scope="col">failovers</th><th scope="col">held in all</th><th scope="col">gave up</th>
<th scope="col">passed</th><th scope="col">size needed</th>
</tr></thead>
<tbody id="shards"></tbody>
</table>
<h2>Failovers of the last hour</h2>
<p class="key"><span><i></i>requests are held</span>
<span><i class="drain"></i>requests are released</span></p>
<ul id="timeline"></ul>
<div class="axis"><span>an hour ago</span><span>now</span></div>
<h2 id="failovers-title">Last failovers</h2>
<table aria-labelledby="failovers-title">
<thead><tr><th scope="col" class="text">shard</th><th scope="col" class="text">began</th>
<th scope="col">held for</th><th scope="col">released in</th>
<th scope="col">held at release</th><th scope="col" class="text">cause</th>
<th scope="col" class="text">end</th></tr></thead>
<tbody id="failovers"></tbody>
</table>
</main>
<p><a href="/metrics">metrics</a> &middot; <a href="/status.json">JSON</a> &middot;
<a href="/healthz">health</a></p>
<noscript>This page needs JavaScript. The same facts are in /status.json and /metrics.</noscript>
)html";

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

// A cell is {label, text, style}. A row that is there keeps its elements, and so the selection and
// the place of the screen reader.
function fillRow(tr, cells) {
  while (tr.cells.length < cells.length) {
    tr.insertCell().append(document.createElement("bdi"));
  }
  cells.forEach((cell, i) => {
    const td = tr.cells[i];
    const text = String(cell.text);
    if (td.dataset.label !== cell.label) td.dataset.label = cell.label;
    if (td.className !== cell.style) td.className = cell.style;
    if (td.firstChild.textContent !== text) td.firstChild.textContent = text;
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
const number = (label, value) => ({label, text: value, style: "number"});

// The counters that are not 0, by reason.
function reasons(label, counters) {
  const counted = Object.entries(counters).map(([reason, count]) => count + " " + reason);
  return {label, text: counted.join(", ") || 0, style: "reasons"};
}

const well = {Primary: "\u25cf", Replica: "\u25cb"};
function backendRow(b) {
  const style = b.state in well ? b.state : "trouble";
  return [
    text("backend", b.address, "name"),
    text("state", (well[b.state] || "\u25b2") + " " + b.state, "state " + style),
    number("last answer", seconds(b.last_answer_age_seconds)),
    text("why", visible(b.reason) || dash)];
}

const signs = {Idle: "\u25cb", Buffering: "\u25a0", Draining: "\u25b6"};
const urgency = {Buffering: 0, Draining: 1, Idle: 2};
function shardRow(s) {
  return [
    text("shard", nameOf(s), "name"),
    text("state", (signs[s.state] || "?") + " " + s.state, "state " + s.state),
    number("held", s.held), number("retrying", s.retrying), number("overdue", s.overdue),
    number("oldest held", seconds(s.oldest_held_seconds)),
    number("budget left", seconds(s.budget_left_seconds)),
    number("last report", seconds(s.last_report_age_seconds)),
    number("epoch", s.epoch), number("failovers", s.failovers),
    number("held in all", s.buffered),
    reasons("gave up", s.evicted), reasons("passed", s.skipped),
    number("size needed", s.size_needed === null ? dash : s.size_needed)];
}
const releasedOf = f => f.released_seconds_ago === null ? 0 : f.released_seconds_ago;
const endedOf = f => f.ended_seconds_ago === null ? 0 : f.ended_seconds_ago;
const heldFor = f => f.began_seconds_ago - releasedOf(f);
function failoverRow(f) {
  return [
    text("shard", nameOf(f), "name"),
    text("began", seconds(f.began_seconds_ago) + " ago"),
    number("held for", seconds(heldFor(f))),
    number("released in",
           f.released_seconds_ago === null ? dash : seconds(releasedOf(f) - endedOf(f))),
    number("held at release", f.released_seconds_ago === null ? dash : f.held),
    text("cause", f.cause), text("end", f.end || "\u2026 it goes on")];
}

const hour = 3600;
function bar(from, to, style) {
  const i = document.createElement("i");
  const begin = Math.min(from, hour);
  i.className = style;
  i.style.left = Math.min(100 * (1 - begin / hour), 99) + "%";
  i.style.width = 100 * Math.max(begin - to, 0) / hour + "%";
  return i;
}
// The shards with the newest failovers have a lane each.
const mostLanes = 12;
function lanes(failovers) {
  const byShard = new Map();
  for (const f of failovers) {
    if (endedOf(f) >= hour) continue;
    const key = JSON.stringify([f.keyspace, f.shard]);
    byShard.set(key, [...byShard.get(key) || [], f]);
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
    // A bar has a least width, so a short drain would hide its hold if the hold was not in front.
    for (const f of list) {
      if (f.released_seconds_ago !== null) lane.append(bar(releasedOf(f), endedOf(f), "drain"));
    }
    for (const f of list) lane.append(bar(f.began_seconds_ago, releasedOf(f), "hold"));
    li.append(label, lane);
    return li;
  });
  if (byShard.size > mostLanes) {
    const more = document.createElement("li");
    more.className = "none";
    more.textContent = "and " + (byShard.size - mostLanes) + " more shards";
    items.push(more);
  }
  if (items.length === 0) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = "none";
    items.push(none);
  }
  return items;
}

let last = null;
function showShards() {
  if (last === null) return;
  const wanted = at("find").value.toLowerCase();
  const shown = last.shards.filter(s => (!at("active").checked || s.state !== "Idle")
    && nameOf(s).toLowerCase().includes(wanted));
  shown.sort((a, b) => urgency[a.state] - urgency[b.state]);
  at("shown").textContent = shown.length + " of " + last.shards.length + " shown";
  fillTable(at("shards"), shown.map(shardRow), "no shard");
}
function show(status) {
  last = status;
  const counts = {Buffering: 0, Draining: 0, Idle: 0};
  for (const s of status.shards) ++counts[s.state];
  at("primary").textContent = status.primary
    || (status.last_primary ? "none (last: " + status.last_primary + ")" : "none");
  at("clients").textContent = status.clients + " of " + status.clients_limit
    + (status.draining ? ", draining" : "");
  at("slots").textContent = (status.slots - status.slots_free) + " of " + status.slots;
  at("window").textContent = seconds(status.window_seconds);
  at("states").textContent = Object.entries(counts).filter(([, n]) => n > 0)
    .map(([state, n]) => n + " " + state).join(", ") || "none";
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

std::string Page() {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>failover proxy</title>\n"
      "<style>";
  page += kStyle;
  page += "</style>\n</head>\n<body>";
  page += kBody;
  page += "<script>";
  page += kScript;
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace

std::string_view StatusHtml() {
  static const std::string* const page = new std::string(Page());
  return *page;
}

}  // namespace proxy
