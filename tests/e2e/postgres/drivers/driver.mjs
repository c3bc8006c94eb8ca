// The program of ../driver_test.cc for node: pg with pg-cursor and pg-copy-streams.
//
// usage: NODE_PACKAGES=<folder> node driver.mjs <port> <name> features|load
//
// What a program does in which order, and what it prints, is the same in all languages.
// ../driver_test.cc has the text.

import {createRequire} from 'node:module';
import {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {pipeline} from 'node:stream/promises';

const require = createRequire(`${process.env.NODE_PACKAGES}/package.json`);
const {Client, Query} = require('pg');
const Cursor = require('pg-cursor');
const {from: copyFrom, to: copyTo} = require('pg-copy-streams');

const [port, name, what] = process.argv.slice(2);

const client = (options = {}) => new Client({
  host: '127.0.0.1',
  port: Number(port),
  user: 'app',
  password: 'secret',
  database: 'postgres',
  ...options,
});

async function open(options) {
  const opened = client(options);
  await opened.connect();
  return opened;
}

const rowsOf = async (db, sql, parameters) =>
    (await db.query({text: sql, values: parameters, rowMode: 'array'})).rows;

const execute = async (db, statement, sql, parameters) =>
    (await db.query({name: statement, text: sql, values: parameters, rowMode: 'array'})).rows;

// A client of its own sends each statement without waiting for the answer to the one before.
const batch = async (sql, rows) => {
  for (const result of await Promise.allSettled(rows.map((row) => piped.query(sql, row)))) {
    if (result.status === 'rejected') throw result.reason;
  }
};

const sqlstateOf = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error.code;
  }
  return 'none';
};

async function sumOfCursor(db) {
  await db.query('BEGIN');
  const cursor = db.query(new Cursor('SELECT i FROM generate_series(1, 1000) i'));
  let count = 0;
  let sum = 0;
  for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100)) {
    count += rows.length;
    for (const {i} of rows) sum += i;
  }
  await cursor.close();
  await db.query('COMMIT');
  return `${count} ${sum}`;
}

async function cancelOnce(db) {
  const asleep = 'SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = \'PgSleep\' ' +
      `AND query = 'SELECT pg_sleep(100) -- ' || '${name}'`;
  const query = new Query(`SELECT pg_sleep(100) -- ${name}`);
  const ended = new Promise((resolve, reject) => query.on('end', resolve).on('error', reject));
  const other = await open();
  other.query(query);
  const cancel = async () => {
    while ((await rowsOf(db, asleep))[0][0] === 0) {
    }
    client().cancel(other, query);
  };
  const [sqlstate] = await Promise.all([sqlstateOf(ended), cancel()]);
  await other.end();
  return sqlstate;
}

async function features() {
  const db = await open();
  const get = async (sql) => (await rowsOf(db, sql))[0][0];
  const insert = 'INSERT INTO item VALUES ($1, $2, $3)';
  const count = `SELECT count(*)::int FROM item WHERE client = '${name}'`;
  console.log('simple:', await get('SELECT 1'));
  console.log('parameters:', ...(await rowsOf(
      db, 'SELECT $1::int, $2::text, ($3::text IS NULL)::int', [42, 'it\'s', null]))[0]);
  const sums = [];
  for (let i = 0; i < 8; ++i) {
    sums.push((await execute(db, 'next', 'SELECT $1::int + 1', [i]))[0][0]);
  }
  console.log('prepared:', ...sums);
  await db.query('BEGIN');
  await db.query(insert, [name, 1, 'one']);
  await db.query('ROLLBACK');
  console.log('rolled back:', await get(count));
  await db.query('BEGIN');
  await db.query(insert, [name, 1, 'one']);
  await db.query(insert, [name, 2, 'two']);
  await db.query('COMMIT');
  console.log('committed:', await get(count));
  console.log('duplicate:', await sqlstateOf(db.query(insert, [name, 1, 'twice'])));
  await db.query('BEGIN');
  const failed = await sqlstateOf(db.query(insert, [name, 2, 'twice']));
  const then = await sqlstateOf(db.query('SELECT 1'));
  await db.query('ROLLBACK');
  console.log('duplicate in a transaction:', failed, then);
  await batch(insert, Array.from({length: 100}, (_, i) => [name, 100 + i, 'batch']));
  console.log('batch:', await get(count));
  console.log(
      'duplicate in a batch:', await sqlstateOf(batch(insert, [[name, 7, ''], [name, 1, '']])));
  const lines = Array.from({length: 1000}, (_, i) => `${name}\t${i}\t${'x'.repeat(100)}\n`);
  await pipeline(Readable.from(lines), db.query(copyFrom('COPY copied FROM STDIN')));
  const copied = await text(db.query(
      copyTo(`COPY (SELECT i FROM copied WHERE client = '${name}' ORDER BY i) TO STDOUT`)));
  console.log('copied:', copied.trim().split('\n').map(Number).reduce((a, b) => a + b));
  console.log('cursor:', await sumOfCursor(db));
  console.log('cancelled:', await cancelOnce(db));
  const rows = await rowsOf(db, 'SELECT repeat(\'x\', 1000) FROM generate_series(1, 20000)');
  console.log('large:', rows.length, rows.reduce((sum, row) => sum + row[0].length, 0));
  console.log('at the end:', await get('SELECT 1'));
  return db;
}

async function insertTwo(db, insert, first) {
  await db.query('BEGIN');
  await db.query(insert, [name, first]);
  await db.query(insert, [name, first + 1]);
  await db.query('COMMIT');
}

async function load(db) {
  const where = async () => (await rowsOf(db, 'SELECT inet_server_port()'))[0][0];
  const start = await where();
  const insert = 'INSERT INTO ledger VALUES ($1, $2)';
  let rows = 0;
  let repeated = 0;
  for (let roundsAfter = 0; roundsAfter < 20;) {
    await db.query(`INSERT INTO ledger VALUES ('${name}', ${rows})`);
    await db.query(insert, [name, rows + 1]);
    await execute(db, 'insert', insert, [name, rows + 2]);
    await batch(insert, [3, 4, 5, 6, 7].map((i) => [name, rows + i]));
    rows += 8;
    while (true) {
      try {
        await insertTwo(db, insert, rows);
        break;
      } catch (error) {
        if (error.code !== '40001') throw error;
        await db.query('ROLLBACK');
        ++repeated;
      }
    }
    rows += 2;
    if (await where() !== start) ++roundsAfter;
  }
  console.log('rows', rows, 'repeated', repeated);
}

const piped = await open({pipeline: true});
const db = await features();
if (what === 'load') await load(db);
await Promise.all([db.end(), piped.end()]);
