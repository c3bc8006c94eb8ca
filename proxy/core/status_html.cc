#include "proxy/core/status_html.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/status_script.h"

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
dl.facts .wide { grid-column: span 2; }
dl.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .45em .8em; min-width: 0; }
dt { color: var(--quiet); font-size: .85em; } dd { margin: 0; font-weight: 600; }
dd, td { overflow-wrap: anywhere; } td.number { white-space: nowrap; }
#live, #clients, #slots, #window, #uptime, #states { overflow-wrap: normal; }
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
.Buffering, .trouble { color: var(--hold); } td.trouble { font-weight: 600; }
td.reasons { min-width: 9em; overflow-wrap: normal; }
.note { color: var(--quiet); font-size: .85em; max-width: 70em; }
#timeline { margin: 0; padding: 0; list-style: none; }
#timeline li { display: grid; grid-template-columns: 14em 1fr; gap: .8em; align-items: center;
  margin: .25em 0; }
#timeline span { min-width: 0; }
#timeline bdi { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.lane { position: relative; height: 1.3em; background: var(--card);
  border: 1px solid var(--line); border-radius: 3px; overflow: hidden; }
.lane div { position: absolute; top: 0; bottom: 0; right: 0; display: flex; }
.lane i, .key i { background: var(--bar); }
.lane i { flex: none; position: relative; } .lane i.hold { min-width: 2px; z-index: 1; }
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
@media (min-width: 801px) { td.name { min-width: 9em; } td.short { white-space: nowrap; } }
@media (max-width: 1400px) {
  #shards td, #shards-table th { padding: .35em .4em; } td.reasons { min-width: 7em; }
}
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
<div class="wide"><dt>primary</dt><dd id="primary">?</dd></div>
<div><dt>clients</dt><dd id="clients">?</dd></div>
<div><dt>slots in use</dt><dd id="slots">?</dd></div>
<div><dt>window</dt><dd id="window">?</dd></div>
<div><dt>up for</dt><dd id="uptime">?</dd></div>
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
<label title="not Idle, or with held, retrying or overdue requests, or with a counter that grew">
<input type="checkbox" id="active"> only active shards</label>
<span id="shown" class="none"></span>
</div>
<table id="shards-table" aria-labelledby="shards-title" aria-describedby="counters">
<thead><tr><th scope="col" class="text">shard</th><th scope="col" class="text">state</th>
<th scope="col">held</th><th scope="col" title="released, and not ended">retrying</th>
<th scope="col">oldest held</th>
<th scope="col" title="for how long the shard may be held">budget left</th>
<th scope="col">last report</th>
<th scope="col" title="grows when connections must be made anew">epoch</th>
<th scope="col">failovers</th><th scope="col">held in all</th>
<th scope="col"
title="retries that did not end in time, that failed, or that were held again">retry trouble</th>
<th scope="col" title="left the queue before the failover ended">gave up</th>
<th scope="col" title="asks that were not held, by reason">passed</th>
<th scope="col" title="slots that the failovers so far needed">size needed</th>
</tr></thead>
<tbody id="shards"></tbody>
</table>
<p class="note" id="counters">The columns from <em>failovers</em> on count since the proxy started.
&#9650; marks a number that needs a look, and &#8593; one that grew in the last 30 s. After
<em>WindowExceeded</em> a request is tried once more and may succeed. <em>passed</em> counts asks: a
refused statement asks up to three times, and mostly its client gets the error of the server.
docs/guide/operating.md tells what to do.</p>
<h2>Failovers of the last hour, at most {most}</h2>
<p class="key"><span><i></i>requests are held</span>
<span><i class="drain"></i>requests are released</span></p>
<ul id="timeline"></ul>
<div class="axis"><span>an hour ago</span><span>now</span></div>
<h2 id="failovers-title">The last {most} failovers</h2>
<table aria-labelledby="failovers-title">
<thead><tr><th scope="col" class="text">shard</th><th scope="col" class="text">began</th>
<th scope="col">held for</th>
<th scope="col" title="from the first released request to the end of the last retry">released in</th>
<th scope="col" title="how many requests were held when the release began">held at release</th>
<th scope="col" class="text">cause</th>
<th scope="col" class="text">end</th></tr></thead>
<tbody id="failovers"></tbody>
</table>
</main>
<p><a href="/metrics">metrics</a> &middot; <a href="/status.json">JSON</a> &middot;
<a href="/healthz">health</a></p>
<noscript>This page needs JavaScript. The same facts are in /status.json and /metrics.</noscript>
)html";

std::string Page() {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>failover proxy</title>\n"
      "<style>";
  page += kStyle;
  page += "</style>\n</head>\n<body>";
  page +=
      absl::StrReplaceAll(std::string(kBody), {{"{most}", absl::StrCat(FailoverHistory::kMost)}});
  page += "<script>";
  page += StatusScript();
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace

std::string_view StatusHtml() {
  static const std::string* const page = new std::string(Page());
  return *page;
}

}  // namespace proxy
