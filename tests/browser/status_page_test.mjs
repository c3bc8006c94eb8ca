// The status page in a real browser. Run by run_in_browser, which sets the environment:
// STATUS_PAGE_SERVER, CHROMIUM, PUPPETEER (the folder with node_modules), and SCREENSHOTS (optional:
// a folder that gets pictures of the page).
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import path from 'node:path';
import {after, afterEach, before, beforeEach, test} from 'node:test';

import {failOver, fewShards, manyShards} from './scenes.mjs';
import {StatusServer} from './status_server.mjs';

const puppeteer = createRequire(path.join(process.env.PUPPETEER, 'x.js'))('puppeteer-core');
const widths = [400, 1200, 1600];
const schemes = ['light', 'dark'];
// For what is a matter of moments. A test that waits so long has failed.
const patience = {timeout: 30_000};

let browser;
let server;
let page;
let requests;

before(async () => {
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    // A container has neither the rights for Chromium's sandbox nor much shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars'],
  });
});
after(() => browser?.close());

beforeEach(async () => {
  server = await StatusServer.start(process.env.STATUS_PAGE_SERVER);
  page = await browser.newPage();
  requests = [];
  page.on('request', request => requests.push(request.url()));
  page.on('dialog', dialog => dialog.dismiss());
});
afterEach(async () => {
  await page.close();
  await server.kill();
});

async function open({width = 1600, height = 1000, scheme = 'light'} = {}) {
  await page.setViewport({width, height});
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
  await page.goto(server.url, {waitUntil: 'domcontentloaded'});
  await live();
}
const says = (id, text) => page.waitForFunction(
    (id, text) => document.getElementById(id).textContent === text, patience, id, text);
const live = () => says('live', 'live');
const lost = () => says('live', 'no connection: this is the last known state');
// $$eval would make a handle for each element, which takes a minute for a thousand shards.
const textsOf = selector => page.evaluate(
    selector => Array.from(document.querySelectorAll(selector), e => e.textContent), selector);
const firstRow = () => textsOf('#shards tr:first-child td');
const firstRowSays = (...texts) => page.waitForFunction(texts => {
  const cells = [...document.querySelectorAll('#shards tr:first-child td')];
  return texts.every((text, i) => cells[i]?.textContent === text);
}, patience, texts);
async function picture(name, fullPage = false) {
  if (!process.env.SCREENSHOTS) return;
  await page.screenshot({path: path.join(process.env.SCREENSHOTS, `status-${name}.png`), fullPage});
}

test('a failover is shown live, without a reload', async () => {
  await server.tell('primary', 0, 'main', '0');
  await server.tell('advance', 300);
  await open();
  await firstRowSays('main/0', '○ Idle', '0');
  await page.evaluate(() => { window.notReloaded = true; });

  await server.tell('hold', 3, 'main', '0');
  await server.tell('advance', 2);
  await firstRowSays('main/0', '■ Buffering', '3', '0', '2.0 s', '18.0 s', '5 min');
  assert.deepEqual((await textsOf('#failovers tr:first-child td')).slice(2, 4), ['2.0 s', '–']);

  await server.tell('primary', 1, 'main', '0');
  await firstRowSays('main/0', '▶ Draining', '2', '1');
  await says('primary', '192.168.0.12:33061');
  await server.tell('retried', 'main', '0');
  await firstRowSays('main/0', '○ Idle', '0', '0', '–');
  const [failover] = await page.$$eval(
      '#failovers tr', rows => rows.map(row => [...row.cells].map(cell => cell.textContent)));
  assert.deepEqual(failover.slice(2, 5), ['2.0 s', '0.0 s', '3']);
  assert.equal((await page.$$('#timeline .hold')).length, 1);
  assert.equal(await page.evaluate(() => window.notReloaded), true);
  assert.deepEqual([...new Set(requests.map(url => new URL(url).origin))],
      [new URL(server.url).origin], 'the page loads something from elsewhere');
});

test('BugDeadPrimary: a primary that is down is not shown as the primary', async () => {
  await server.tell('primary', 0, 'main', '0');
  await open();
  await says('primary', '192.168.0.11:33061');
  await server.tell('down', 0, 'main', '0');
  await says('primary', 'none (last: 192.168.0.11:33061)');
  await server.tell('primary', 1, 'main', '0');
  await says('primary', '192.168.0.12:33061');
});

test('BugBlindPrimary: a primary that nobody sees is shown as unknown', async () => {
  await server.tell('primary', 0, 'main', '0');
  await server.tell('see', 0, 'Primary', '');
  await open();
  await says('primary', '192.168.0.11:33061');
  await server.tell('advance', 360);
  await server.tell('see', 0, 'Refused', 'refuses the monitor: 4151');
  await says('primary', '▲ unknown (last: 192.168.0.11:33061, 6 min ago)');
  await says('uptime', '6 min');
});

test('the table of backends tells what the monitor sees, and why', async () => {
  await server.tell('see', 0, 'Primary', '');
  await open();
  const backendsSay = (...rows) => page.waitForFunction(rows => {
    const found = [...document.querySelectorAll('#backends tr')].map(
        row => [...row.cells].map(cell => cell.textContent));
    return JSON.stringify(found) === JSON.stringify(rows);
  }, patience, rows);
  const neverSeen = ['192.168.0.12:33061', '▲ NotChecked', '–', '–'];
  await backendsSay(['192.168.0.11:33061', '● Primary', '0.0 s', '–'], neverSeen);
  await server.tell('advance', 90);
  await server.tell('see', 0, 'Unreachable', 'cannot be reached');
  await server.tell('see', 1, 'Refused', 'refuses the monitor: 4151');
  await backendsSay(['192.168.0.11:33061', '▲ Unreachable', '2 min', 'cannot be reached'],
      ['192.168.0.12:33061', '▲ Refused', '–', 'refuses the monitor: 4151']);
});

test('what a server says stays text', async () => {
  const hostile = '<img src=x onerror="window.harmed = 1"></script><script>window.harmed = 1</script>';
  await server.tell('see', 0, 'Refused', hostile + '\u202e');
  await open();
  assert.equal((await textsOf('#backends td'))[3], hostile + '⟨U+202E⟩');
  assert.equal(await page.evaluate(() => window.harmed), undefined);
});

test('who gave up or passed is told by reason', async () => {
  await server.tell('primary', 0, 'main', '0');
  await server.tell('hold', 2, 'main', '0');
  await server.tell('advance', 11);
  await open();
  await says('window', '10.0 s');
  const headers = await textsOf('table[aria-labelledby=shards-title] th');
  const cell = async name => (await firstRow())[headers.indexOf(name)];
  assert.equal(await cell('gave up'), '2 WindowExceeded');
  assert.equal(await cell('passed'), '0');
  assert.equal(await cell('retry trouble'), '0');
  await server.tell('primary', 1, 'main', '0');
  await server.tell('retried', 'main', '0');
  await server.tell('pass', 3, 'main', '0');
  await page.waitForFunction(() => [...document.querySelectorAll('#shards td')].some(
      cell => cell.textContent === '3 LastFailoverTooRecent ↑'), patience);
  assert.equal(await cell('passed'), '3 LastFailoverTooRecent ↑', 'it grew while the page looked');
  await server.tell('advance', 31);
  await page.waitForFunction(() => [...document.querySelectorAll('#shards td')].some(
      cell => cell.textContent === '3 LastFailoverTooRecent'), patience);
});

const troubles = () => page.$$eval('#shards tr', rows => rows.map(row => [
  row.cells[0].textContent, ...Array.from(row.querySelectorAll('td.trouble'),
      cell => `${cell.dataset.label}: ${cell.textContent}`)]));

test('BugHiddenHang: retries that hang are marked, and their shard is active', async () => {
  for (const shard of ['0', '1']) await server.tell('primary', 0, 'main', shard);
  await server.tell('hold', 1, 'main', '1');
  await server.tell('primary', 1, 'main', '1');
  await server.tell('advance', 21);
  await open();
  await firstRowSays('main/1', '○ Idle', '0', '▲ 1');
  assert.deepEqual(await troubles(), [
    ['main/1', 'retrying: ▲ 1', 'retry trouble: ▲ 1 overdue'], ['main/0']]);
  await page.click('#active');
  await says('shown', '1 of 2 shown');
});

test('BugUnseenRefusals: the page tells of refused retries, and of a hold that ends early', async () => {
  await server.tell('primary', 0, 'main', '0');
  await server.tell('hold', 3, 'main', '0');
  await server.tell('advance', 12);
  await server.tell('hold', 1, 'main', '0');
  await server.tell('primary', 1, 'main', '0');
  await server.tell('refused', 'main', '0');
  await server.tell('advance', 2);
  await open();
  await firstRowSays('main/0');
  const row = await firstRow();
  assert.ok(row.some(text => /^[1-9] failed/.test(text)), row.join(' | '));
  const failovers = await page.$$eval(
      '#failovers tr', rows => rows.map(row => [...row.cells].map(cell => cell.textContent)));
  assert.equal(failovers[0][6], 'MaxDurationExceeded (before the maximum of 20.0 s)');
  assert.equal(failovers[1][2], '▲ 12.0 s', 'longer than the window');
});

// Where the parts of the failovers begin and end in the lane, in seconds before its right edge.
const parts = style => page.$$eval(`#timeline .${style}`, all => all.map(part => {
  const lane = part.closest('.lane').getBoundingClientRect();
  const box = part.getBoundingClientRect();
  return [lane.right - box.left, lane.right - box.right].map(x => x * 3600 / lane.width);
}));

test('BugHiddenHold: a short drain does not hide its hold', async () => {
  await server.tell('primary', 0, 'main', '0');
  await server.tell('advance', 1200);
  await failOver(server, 8, 5, 'main', '0');
  await server.tell('advance', 600);
  await open();
  await page.waitForSelector('#timeline .hold');
  const front = await page.$eval('#timeline .hold', hold => {
    hold.scrollIntoView();
    const box = hold.getBoundingClientRect();
    return [0.5, box.width - 0.5].map(
        x => document.elementFromPoint(box.left + x, box.top + box.height / 2).className);
  });
  assert.deepEqual(front, ['hold', 'hold']);
});

test('BugSolidBlock: holds and releases are drawn to scale', async () => {
  await server.tell('primary', 0, 'main', '0');
  await server.tell('advance', 60);
  await server.tell('hold', 1, 'main', '0');
  await server.tell('advance', 5);
  await server.tell('primary', 1, 'main', '0');
  await server.tell('advance', 15);
  await server.tell('retried', 'main', '0');
  await server.tell('advance', 100);
  await failOver(server, 18, 5, 'main', '0');
  await open();
  await page.waitForSelector('#timeline .hold');
  const [[recentBegin, recentEnd], [begin, end]] = await parts('hold');
  const [[shortBegin, shortEnd], [releaseBegin, releaseEnd]] = await parts('drain');
  const near = (seconds, wanted) => assert.ok(Math.abs(seconds - wanted) < 6, `${seconds} s`);
  near(recentBegin - recentEnd, 18);
  assert.equal(shortBegin, shortEnd, 'a release of 0.0 s takes no room');
  assert.equal(shortBegin, recentEnd);
  near(begin, 138);
  near(begin - end, 5);
  assert.equal(releaseBegin, end, 'the release follows its hold');
  near(releaseBegin - releaseEnd, 15);
});

test('hostile names stay text', async () => {
  const hostile = [
    '<script>window.harmed = 1</script>', '</script><script>window.harmed = 1</script>',
    '"><img src=x onerror="window.harmed = 1">', `' onmouseover='window.harmed = 1`,
    '&lt;b&gt;', '<!--', ']]>', '${window.harmed = 1}', '__proto__', 'constructor',
    'שלום', 'a\u2066b', '日本語',
  ];
  for (const name of hostile) await server.tell('shard', name, name);
  await server.tell('shard', 'main\u202e0', '\u200b\u0001');
  await server.tell('shard', Buffer.from([0x61, 0xff]), 'not UTF-8');
  await server.tell('hold', 1, hostile[2], hostile[0]);
  await open();
  const shown = new Set(await textsOf('#shards td.name'));
  for (const name of hostile) {
    const text = name.replace('\u2066', '⟨U+2066⟩');
    assert.ok(shown.has(`${text}/${text}`), name);
  }
  assert.ok(shown.has('main⟨U+202E⟩0/⟨U+200B⟩⟨U+0001⟩'), [...shown].join('\n'));
  assert.ok(shown.has('a\ufffd/not UTF-8'));
  assert.equal((await textsOf('#failovers td.name'))[0], `${hostile[2]}/${hostile[0]}`);
  assert.equal((await textsOf('#timeline bdi'))[0], `${hostile[2]}/${hostile[0]}`);
  const tags = await page.$$eval('main *', all => [...new Set(all.map(e => e.localName))].sort());
  assert.deepEqual(tags, ['bdi', 'div', 'h2', 'i', 'input', 'label', 'li', 'p', 'span', 'table',
    'tbody', 'td', 'th', 'thead', 'tr', 'ul', 'em', 'wbr'].sort());
  for (const cell of await page.$$('#shards td.name')) await cell.hover();
  assert.equal(await page.evaluate(() => window.harmed), undefined);
  const attributes = await page.$$eval('main *', all => all.flatMap(
      element => element.getAttributeNames().filter(name => name.startsWith('on'))));
  assert.deepEqual(attributes, []);
});

test('the policy keeps out a script that gets in all the same', async () => {
  await server.tell('shard', 'main', '0');
  await open();
  const outcome = await page.evaluate(() => {
    try {
      document.body.innerHTML += '<img src=x onerror="window.harmed = 1">';
      return 'it was let in';
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(outcome, 'TypeError');
});

for (const width of widths) {
  test(`a thousand shards with long names fit into ${width} pixels`, async () => {
    await manyShards(server);
    await open({width, height: 700});
    await says('states', '20\u00a0Buffering, 980\u00a0Idle');
    assert.equal((await textsOf('#shards td.name')).length, 1000);
    const states = await textsOf('#shards td.state');
    assert.ok(states.slice(0, 20).every(state => state === '■ Buffering'), 'what holds comes first');
    assert.ok(states.slice(20).every(state => state === '○ Idle'));
    assert.deepEqual(await tooWide(), []);
    assert.deepEqual(await broken(), []);
    await picture(`1000-shards-${width}`);
  });

  test(`a shard with every trouble fits into ${width} pixels`, async () => {
    const shard = ['commerce_orders', '80-c0'];
    await server.tell('primary', 0, ...shard);
    await server.tell('hold', 1000, ...shard);
    await server.tell('advance', 12);
    await server.tell('hold', 9000, ...shard);
    await server.tell('primary', 1, ...shard);
    await server.tell('advance', 21);
    await server.tell('refused', ...shard);
    await server.tell('advance', 1);
    await server.tell('pass', 10000, ...shard);
    await server.tell('see', 0, 'Refused', 'refuses the monitor: 4151 Access denied. '.repeat(4));
    await server.tell('see', 1, 'Primary', '');
    await open({width});
    await firstRowSays('commerce_orders/80-c0');
    const [[, ...marked]] = await troubles();
    assert.ok(marked.some(cell => /^retry trouble: ▲ \d+ overdue, \d+ failed$/.test(cell)), marked);
    assert.deepEqual(await tooWide(), []);
    assert.deepEqual(await broken(), []);
  });

  for (const scheme of schemes) {
    test(`${scheme} at ${width} pixels: everything fits, and can be read`, async () => {
      await fewShards(server);
      await open({width, scheme, height: 800});
      await firstRowSays('commerce/40-80', '■ Buffering', '42');
      assert.deepEqual(await tooWide(), []);
      assert.deepEqual(await broken(), []);
      assert.deepEqual(await tooFaint(4.5), []);
      await picture(`${scheme}-${width}`, true);
      await server.kill();
      await lost();
      assert.deepEqual(await tooFaint(4.5), [], 'what is no longer true');
    });
  }
}

// What sticks out of the window on the left or the right.
const tooWide = () => page.evaluate(() => {
  const wide = [...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && (box.left < -0.5 || box.right > window.innerWidth + 0.5);
  });
  const found = wide.map(element => `${element.localName}: ${element.textContent.slice(0, 40)}`);
  if (document.documentElement.scrollWidth > window.innerWidth) found.push('the page scrolls aside');
  return found;
});

// Numbers and short names that are broken into several lines.
const broken = () => page.evaluate(() => [...document.querySelectorAll('td.number, td.name')].filter(
    cell => {
      const range = document.createRange();
      range.selectNodeContents(cell.firstChild);
      const lines = new Set(Array.from(range.getClientRects(), box => Math.round(box.top)));
      return lines.size > 1 && cell.textContent.length <= 21;
    }).map(cell => cell.textContent));

// Texts with less contrast than the Web Content Accessibility Guidelines ask for.
const tooFaint = least => page.evaluate(least => {
  const parse = color => color.match(/[\d.]+/g).map(Number);
  const mix = (front, back, alpha) => front.map((value, i) => value * alpha + back[i] * (1 - alpha));
  function backOf(element) {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(e).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  }
  function opacityOf(element) {
    let opacity = 1;
    for (let e = element; e; e = e.parentElement) opacity *= getComputedStyle(e).opacity;
    return opacity;
  }
  function luminance(rgb) {
    const [r, g, b] = rgb.map(v => v / 255).map(
        v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  const page = backOf(document.body);
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || ['SCRIPT', 'NOSCRIPT'].includes(element.tagName)) continue;
    const alpha = opacityOf(element);
    const front = mix(parse(getComputedStyle(element).color).slice(0, 3), page, alpha);
    const back = mix(backOf(element), page, alpha);
    const [dark, bright] = [luminance(front), luminance(back)].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < least) faint.add(`${element.className || element.localName}: ${text}: `
      + contrast.toFixed(2));
  }
  return [...faint];
}, least);

test('states are told by words, signs and patterns, not by colour alone', async () => {
  await fewShards(server);
  await open();
  assert.deepEqual([...new Set(await textsOf('#shards td.state'))],
      ['■ Buffering', '▶ Draining', '○ Idle']);
  const image = selector => page.$eval(selector, e => getComputedStyle(e).backgroundImage);
  assert.equal(await image('#timeline .hold'), 'none');
  assert.match(await image('#timeline .drain'), /gradient/);
  const lanes = await page.$$eval('#timeline .lane', all => all.map(e => e.ariaLabel));
  assert.match(lanes[0], /^began 3\.0 s ago, held for 3\.0 s/);
});

test('a screen reader finds a table at each width', async () => {
  await fewShards(server);
  for (const width of widths) {
    await open({width});
    const tree = await page.accessibility.snapshot({
      root: await page.$('table'), interestingOnly: false});
    const roles = new Set();
    const visit = node => {
      roles.add(node.role);
      node.children?.forEach(visit);
    };
    visit(tree);
    for (const role of ['table', 'row', 'columnheader', 'cell']) {
      assert.ok(roles.has(role), `${width} pixels: no ${role} in ${[...roles]}`);
    }
  }
});

test('everything works by keyboard', async () => {
  await fewShards(server);
  await open();
  const focus = () => page.evaluate(() => {
    const element = document.activeElement;
    return [element.id || element.textContent, getComputedStyle(element).outlineStyle];
  });
  const reached = [];
  for (let i = 0; i < 5; ++i) {
    await page.keyboard.press('Tab');
    reached.push(await focus());
  }
  assert.deepEqual(reached, ['find', 'active', 'metrics', 'JSON', 'health'].map(
      name => [name, 'solid']), 'each stop has an outline');

  await page.focus('#find');
  await page.keyboard.type('COMMERCE');
  await says('shown', '4 of 6 shown');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await says('shown', '2 of 6 shown');
  await firstRowSays('commerce/40-80');
  await server.tell('hold', 1, 'commerce', '-40');
  await says('shown', '3 of 6 shown');
  assert.deepEqual(await focus(), ['active', 'solid'], 'an event leaves the focus where it is');
  await page.focus('#find');
  await page.keyboard.type(' nothing');
  await says('shown', '0 of 6 shown');
  assert.deepEqual(await firstRow(), ['no shard']);
  await page.focus('a');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.pathname === '/metrics', patience);
});

test('the page survives a restart of the server', async () => {
  await failOver(server, 2, 3, 'before', '0');
  await open();
  await firstRowSays('before/0');
  await page.evaluate(() => { window.notReloaded = true; });
  const {port} = server;
  await server.kill();
  await lost();
  assert.equal((await firstRow())[0], 'before/0', 'the last known state stays');
  server = await StatusServer.start(process.env.STATUS_PAGE_SERVER, port);
  await server.tell('hold', 5, 'after', '0');
  await firstRowSays('after/0', '■ Buffering', '5');
  await live();
  assert.equal(await page.evaluate(() => window.notReloaded), true);
  assert.equal(await page.evaluate(() => document.body.className), '');
});

test('BugSilence: a server that hangs is not shown as live', async () => {
  await server.tell('shard', 'main', '0');
  await open();
  server.signal('SIGSTOP');
  await lost();
  server.signal('SIGCONT');
  await live();
});

test('BugGivesUp: the page comes back after the server was full', async () => {
  await server.tell('shard', 'main', '0');
  const streams = await Promise.all([...Array(4)].map(async () => {
    const abort = new AbortController();
    const response = await fetch(`${server.url}events`, {signal: abort.signal});
    assert.equal(response.status, 200);
    return abort;
  }));
  await page.goto(server.url, {waitUntil: 'domcontentloaded'});
  await lost();
  for (const stream of streams) stream.abort();
  await live();
});
