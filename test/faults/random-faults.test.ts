import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultBook } from '../../src/faults/fault-book.js';
import type { FaultDomain } from '../../src/faults/faults.js';
import { drawTargets, RandomFaults } from '../../src/faults/random-faults.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { MINUTE, SECOND } from '../../src/kernel/time.js';
import { Randomness } from '../../src/random/stream.js';
import type { FaultTarget, RandomFaultSpec } from '../../src/scenario/types.js';

const NAMES = Array.from({ length: 12 }, (_, i) => `node-${i}`);

/** Nodes that note when they go down and come back. */
function bench(specs: readonly RandomFaultSpec[], seed = '1') {
  const simulation = new Simulation();
  const down = new Set<number>();
  const changes: [number, number, boolean][] = [];
  const domain = {
    nodeCount: NAMES.length,
    nodeIndex: (name: string) => NAMES.indexOf(name),
    setNode(index: number, up: boolean) {
      assert.equal(down.has(index), up, 'a node goes down once and comes back once');
      if (up) down.delete(index);
      else down.add(index);
      changes.push([simulation.now, index, up]);
    },
  } as unknown as FaultDomain;
  const notes: string[] = [];
  const log = { note: (phase: string, message: string) => void notes.push(`${phase} ${message}`) };
  const book = new FaultBook(domain);
  const faults = new RandomFaults(simulation, new Randomness(seed), specs, book, log);
  return { simulation, faults, book, changes, notes, down };
}

const pool: FaultTarget = { kind: 'nodes', groups: [NAMES], count: 1 };

test('faults come at their rate and hold as long as their repairs take', () => {
  const { simulation, faults, changes } = bench([{ every: { kind: 'exponential', mean: 10 * MINUTE }, from: 0, target: pool, repair: { kind: 'exponential', mean: MINUTE } }]);
  faults.start(0);
  const hours = 500;
  simulation.run(hours * 60 * MINUTE);
  const failed = changes.filter(([, , up]) => !up).length;
  // Poisson with 6 an hour: four standard deviations. Now and then a node that is down already is drawn.
  assert.ok(Math.abs(failed - 6 * hours) < 4 * Math.sqrt(6 * hours) + 3000 / 12 / 5, `${failed} faults`);
  let time = 0;
  let since = 0;
  let broken = 0;
  for (const [at, , up] of changes) {
    time += broken * (at - since);
    since = at;
    broken += up ? -1 : 1;
  }
  // Little's law: a tenth of a fault at a time, each a minute long.
  const mean = time / (hours * 60 * MINUTE);
  assert.ok(Math.abs(mean - 0.1) < 0.01, `${mean} broken on average`);
});

test('the same seed gives the same faults whatever else is drawn, another seed others', () => {
  const specs: RandomFaultSpec[] = [{ every: { kind: 'exponential', mean: MINUTE }, from: 0, target: pool, repair: { kind: 'constant', value: 5 * SECOND } }];
  const other: RandomFaultSpec = { every: { kind: 'exponential', mean: 7 * SECOND }, from: 0, target: { kind: 'nodes', groups: [NAMES.slice(0, 1)], count: 1 }, most: 3 };
  const run = (all: readonly RandomFaultSpec[], seed = '1') => {
    const made = bench(all, seed);
    made.faults.start(0);
    made.simulation.run(30 * MINUTE);
    return made.changes.filter(([, index]) => index !== 0);
  };
  assert.deepEqual(run(specs), run([...specs, other]));
  assert.notDeepEqual(run(specs), run(specs, '2'));
});

test('several nodes of one group fall together; each node has the same chance', () => {
  const groups = [NAMES.slice(0, 3), NAMES.slice(3, 12)];
  const hits = new Map<string, number>();
  const draws = new Randomness('1').stream('test');
  for (let i = 0; i < 6000; i++) {
    const taken = drawTargets({ kind: 'nodes', groups, count: 3 }, draws).map((target) => (target as { readonly name: string }).name);
    assert.equal(new Set(taken).size, 3);
    assert.ok(groups.some((group) => taken.every((name) => group.includes(name))), 'of one group');
    for (const name of taken) hits.set(name, (hits.get(name) ?? 0) + 1);
  }
  // A group of three is drawn a quarter of the time and falls whole; of nine, each a third of three quarters.
  for (const name of NAMES) assert.ok(Math.abs(hits.get(name)! - 1500) < 5 * Math.sqrt(6000 * 0.25 * 0.75), `${name}: ${hits.get(name)}`);
});

test('a cascade follows with its chance, and ends at its length', () => {
  const cascade = { chance: 1, after: { kind: 'constant', value: SECOND }, most: 3 } as const;
  const sure = bench([{ every: { kind: 'constant', value: MINUTE }, from: 0, most: 1, target: pool, cascade }]);
  sure.faults.start(0);
  sure.simulation.run(10 * MINUTE);
  assert.deepEqual(sure.notes.map((note) => note.split(' ')[0]), ['fault', ...sure.notes.slice(1).map(() => 'cascade')]);
  assert.ok(sure.changes.every(([at], i) => i === 0 || at > sure.changes[i - 1]![0]));
  assert.ok(sure.changes.at(-1)![0] <= MINUTE + 3 * SECOND);
  const half = bench([{ every: { kind: 'constant', value: MINUTE }, from: 0, target: pool, repair: { kind: 'constant', value: 500e6 }, cascade: { ...cascade, chance: 0.5, most: 1 } }]);
  half.faults.start(0);
  half.simulation.run(2000 * MINUTE);
  const followed = half.notes.filter((note) => note.startsWith('cascade')).length;
  assert.ok(Math.abs(followed - 1000) < 5 * Math.sqrt(500), `${followed} of 2,000`);
});

test('what two faults hold down comes back with the second repair; healing brings it back at once', () => {
  const { book, down } = bench([]);
  const node: FaultTarget = { kind: 'node', name: 'node-3' };
  assert.equal(book.fail(node), 'node node-3 is down');
  assert.equal(book.fail(node), undefined);
  assert.equal(book.repair(node), undefined);
  assert.ok(down.has(3));
  assert.equal(book.repair(node), 'node node-3 is back');
  assert.equal(book.repair(node), undefined);
  book.fail(node);
  book.fail(node);
  book.heal(node);
  assert.equal(down.size, 0);
  assert.equal(book.repair(node), undefined, 'a repair of what is healed changes nothing');
});

test('faults of a rollout wait for it', () => {
  const { simulation, faults, changes } = bench([
    { every: { kind: 'constant', value: SECOND }, from: 5 * SECOND, progress: 0.5, most: 1, target: pool },
    { every: { kind: 'constant', value: SECOND }, from: 0, progress: 'end', most: 1, target: { kind: 'node', name: 'node-0' } },
  ]);
  faults.start(0);
  simulation.run(20 * SECOND);
  faults.progressed(0.4, false);
  simulation.run(30 * SECOND);
  assert.equal(changes.length, 0);
  faults.progressed(0.5, false);
  assert.ok(faults.waits);
  simulation.run(40 * SECOND);
  assert.deepEqual(changes.map(([at]) => at), [36 * SECOND]);
  faults.progressed(1, true);
  simulation.run(50 * SECOND);
  assert.equal(changes.length, 2);
  assert.ok(!faults.waits);
});
