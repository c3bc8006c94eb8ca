#include "proxy/core/status_html.h"

namespace proxy {
namespace {

constexpr std::string_view kPage = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>failover proxy</title>
<style>
body { font: 15px system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
table { border-collapse: collapse; } th, td { padding: .3em .9em; text-align: right; }
th { border-bottom: 2px solid #888; } td { border-bottom: 1px solid #ddd; }
th.text, td.text { text-align: left; }
.Idle { color: #18794e; } .Buffering { color: #b42318; font-weight: bold; }
.Draining { color: #9a6700; font-weight: bold; }
#timeline { position: relative; height: 2.4em; background: #f0f0f0; max-width: 60em; }
#timeline i { position: absolute; top: 0; bottom: 0; min-width: 3px; background: #d92d20; }
#timeline i.drain { background: #e0a100; }
.axis { display: flex; justify-content: space-between; max-width: 60em; color: #666; font-size: .85em; }
#live.lost { color: #b42318; font-weight: bold; }
</style>
</head>
<body>
<h1>failover proxy</h1>
<p>Primary: <b id="primary">?</b> &middot; clients: <b id="clients">?</b> &middot; slots in use:
<b id="slots">?</b> &middot; <span id="live">connecting</span></p>
<h2>Shards</h2>
<table>
<thead><tr><th class="text">shard</th><th class="text">state</th><th>held</th><th>retrying</th>
<th>oldest held</th><th>last report</th><th>epoch</th><th>failovers</th><th>held in all</th>
<th>size needed</th></tr></thead>
<tbody id="shards"></tbody>
</table>
<h2>Failovers of the last hour</h2>
<div id="timeline"></div>
<div class="axis"><span>an hour ago</span><span>now</span></div>
<h2>Last failovers</h2>
<table>
<thead><tr><th class="text">began</th><th class="text">shard</th><th>held for</th><th>drained in</th>
<th>requests at the release</th><th class="text">cause</th><th class="text">end</th></tr></thead>
<tbody id="failovers"></tbody>
</table>
<p><a href="/metrics">metrics</a> &middot; <a href="/status.json">JSON</a> &middot;
<a href="/healthz">health</a></p>
<script>
"use strict";
const at = id => document.getElementById(id);
function seconds(value) {
  if (value === null) return "\u2013";
  if (value < 60) return value.toFixed(1) + " s";
  if (value < 7200) return Math.round(value / 60) + " min";
  return Math.round(value / 3600) + " h";
}
function row(cells) {
  const tr = document.createElement("tr");
  for (const [text, style] of cells) {
    const td = document.createElement("td");
    td.textContent = text;
    if (style) td.className = style;
    tr.append(td);
  }
  return tr;
}
function block(from, to, style) {
  const hour = 3600;
  if (to >= hour) return [];
  const i = document.createElement("i");
  const begin = Math.min(from, hour);
  i.className = style;
  i.style.left = 100 * (1 - begin / hour) + "%";
  i.style.width = 100 * (begin - to) / hour + "%";
  return [i];
}
function show(status) {
  at("primary").textContent = status.primary || "none";
  at("clients").textContent = status.clients + " of " + status.clients_limit
    + (status.draining ? ", draining" : "");
  at("slots").textContent = (status.slots - status.slots_free) + " of " + status.slots;
  at("shards").replaceChildren(...status.shards.map(s => row([
    [s.keyspace + "/" + s.shard, "text"], [s.state, "text " + s.state], [s.held], [s.retrying],
    [seconds(s.oldest_held_seconds)], [seconds(s.last_report_age_seconds)], [s.epoch],
    [s.failovers], [s.buffered], [s.size_needed === null ? "\u2013" : s.size_needed]])));
  const released = f => f.released_seconds_ago === null ? 0 : f.released_seconds_ago;
  const ended = f => f.ended_seconds_ago === null ? 0 : f.ended_seconds_ago;
  at("failovers").replaceChildren(...status.last_failovers.map(f => row([
    [seconds(f.began_seconds_ago) + " ago", "text"], [f.keyspace + "/" + f.shard, "text"],
    [seconds(f.began_seconds_ago - released(f))],
    [f.released_seconds_ago === null ? "\u2013" : seconds(released(f) - ended(f))],
    [f.held], [f.cause, "text"], [f.end || "\u2026", "text"]])));
  at("timeline").replaceChildren(...status.last_failovers.flatMap(f => [
    ...block(f.began_seconds_ago, released(f), "hold"),
    ...(f.released_seconds_ago === null ? [] : block(released(f), ended(f), "drain"))]));
}
const events = new EventSource("/events");
events.onmessage = event => {
  show(JSON.parse(event.data));
  at("live").textContent = "live";
  at("live").className = "";
};
events.onerror = () => {
  at("live").textContent = "no connection: this is the last known state";
  at("live").className = "lost";
};
</script>
</body>
</html>
)html";

}  // namespace

std::string_view StatusHtml() { return kPage; }

}  // namespace proxy
