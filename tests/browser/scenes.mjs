// What the shards of a proxy have gone through, for the tests and for the pictures of the guide.

// A shard that fails over from one backend to the other in so many seconds.
export async function failOver(server, seconds, requests, ...shard) {
  await server.tell('hold', requests, ...shard);
  await server.tell('advance', seconds);
  await server.tell('primary', 1, ...shard);
  await server.tell('retried', ...shard);
}

// Some shards: one holds, one drains, a retry of one hangs, the others are idle, and some have failed
// over before.
export async function fewShards(server) {
  const shards = ['-40', '40-80', '80-c0', 'c0-'].map(shard => ['commerce', shard]);
  shards.push(['customer', '0'], ['lookup', '0']);
  for (const shard of shards) await server.tell('primary', 0, ...shard);
  await server.tell('see', 0, 'Primary', '');
  await server.tell('see', 1, 'Replica', '');
  await server.tell('advance', 600);
  await failOver(server, 6, 120, 'customer', '0');
  await server.tell('advance', 1200);
  await failOver(server, 4, 80, 'commerce', 'c0-');
  await server.tell('pass', 12, 'commerce', 'c0-');
  await server.tell('advance', 900);
  for (const shard of shards) await server.tell('primary', 0, ...shard);
  await server.tell('hold', 9, 'commerce', '80-c0');
  await server.tell('advance', 14);
  await server.tell('hold', 1, 'commerce', '80-c0');
  await server.tell('primary', 1, 'commerce', '80-c0');
  await server.tell('advance', 21);
  await server.tell('advance', 85);
  await server.tell('hold', 42, 'commerce', '40-80');
  await server.tell('hold', 7, 'customer', '0');
  await server.tell('advance', 3);
  await server.tell('primary', 1, 'customer', '0');
  await server.tell('see', 0, 'Unreachable', 'cannot be reached: 2002 Can\'t connect to server on '
      + '\'192.168.0.11\' (115)');
  await server.tell('see', 1, 'Primary', '');
}

// A thousand shards with long names. Twenty of them hold.
export async function manyShards(server) {
  const keyspace = 'a_keyspace_with_a_name_that_somebody_generated_from_a_whole_sentence_'
      + 'and_that_has_no_blank_in_it';
  const name = i => [`${keyspace}_${String(i % 10)}`, `shard_${String(i).padStart(4, '0')}`];
  await server.tell('see', 1, 'Refused', 'refuses the monitor: 4151 Access denied, this account is '
      + 'locked. This does not tell whether the server takes writes');
  for (let i = 0; i < 1000; ++i) await server.tell('primary', 0, ...name(i));
  await server.tell('advance', 300);
  // The window of the first requests is over when the others come.
  for (let i = 0; i < 1000; i += 50) await server.tell('hold', 20, ...name(i));
  await server.tell('advance', 11);
  for (let i = 0; i < 1000; i += 50) await server.tell('hold', 1 + i, ...name(i));
  await server.tell('advance', 2);
  await server.tell('see', 0, 'Primary', '');
}
