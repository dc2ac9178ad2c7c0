import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event, Node, Pod } from '../../src/api/core.js';
import type { ScenarioRun } from '../../src/cluster/run.js';
import { Cases, deployment, objects, secondsOf, service } from './cases.js';

const cases = new Cases('cloud-nodes');
// One fits on a node of four cores.
cases.write('web.yaml', deployment(3, { container: ['resources: { requests: { cpu: "3" } }'] }), service());

function start(cloud: object | undefined, timeline: readonly object[]): ScenarioRun {
  const run = cases.start({
    duration: '240s',
    cluster: { nodes: [{ count: 4, name: 'node', template: 'node.yaml' }], ...(cloud === undefined ? {} : { cloud }) },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true }],
    timeline,
  });
  run.warmUp();
  return run;
}

const nodeOf = (run: ScenarioRun, name: string) => objects<Node>(run, 'nodes').find(({ metadata }) => metadata.name === name);
const busy = (run: ScenarioRun) => objects<Pod>(run, 'pods').find(({ spec }) => spec.nodeName !== undefined)!.spec.nodeName!;

/** When a node was gone, when all pods ran elsewhere, and when it was back and ready; 0: never. */
function lose(cloud: object | undefined): Record<'gone' | 'replaced' | 'back', number> {
  const probe = start(cloud, []);
  const lost = busy(probe);
  const run = start(cloud, [
    { at: '10s', fail: { instance: lost } },
    { at: '200s', heal: { instance: lost } },
  ]);
  const found = { gone: 0, replaced: 0, back: 0 };
  for (let more = true; more; ) {
    more = run.advance();
    const now = secondsOf(run);
    const node = nodeOf(run, lost);
    if (found.gone === 0 && node === undefined) found.gone = now;
    const pods = objects<Pod>(run, 'pods').filter(({ spec, status }) => status.phase === 'Running' && spec.nodeName !== lost);
    if (found.replaced === 0 && now > 10 && pods.length === 3) found.replaced = now;
    if (now > 200 && found.back === 0 && node?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true) found.back = now;
  }
  if (cloud !== undefined) assert.ok(objects<Event>(run, 'events').some(({ reason, involvedObject }) => reason === 'DeletingNode' && involvedObject.name === lost));
  return found;
}

test('a machine that the cloud takes away: its Node is deleted once it is not ready, its pods by the collector 40 to 60 s later; a new one registers', () => {
  const found = lose({});
  // Unknown 50 to 56 s after the last lease, which is up to 10.4 s old; the cloud is asked every 5 s.
  assert.ok(found.gone >= 10 + 39 && found.gone <= 10 + 56 + 6, `gone after ${found.gone} s`);
  // Found missing at a round of 20 s, 40 s of quarantine, and the next round.
  assert.ok(found.replaced >= found.gone + 40 && found.replaced <= found.gone + 20 + 60 + 4, `replaced after ${found.replaced} s, gone after ${found.gone} s`);
  assert.ok(found.back > 200 && found.back <= 205, `back after ${found.back} s`);
});

test('without a cloud controller manager the Node stays, and its pods for the 300 s of their tolerations', () => {
  const found = lose(undefined);
  assert.deepEqual([found.gone, found.replaced], [0, 0]);
});

test('a machine that is shut down gets a taint, which goes when it is ready again', () => {
  const run = start({}, [{ at: '10s', shutdown: { node: 'node-0' } }, { at: '150s', heal: { node: 'node-0' } }]);
  const seen: [number, boolean][] = [];
  for (let more = true; more; ) {
    more = run.advance();
    const tainted = nodeOf(run, 'node-0')!.spec.taints?.some(({ key, effect }) => key === 'node.cloudprovider.kubernetes.io/shutdown' && effect === 'NoSchedule') === true;
    if (seen[seen.length - 1]?.[1] !== tainted) seen.push([secondsOf(run), tainted]);
  }
  const [, on, off, ...rest] = seen;
  assert.deepEqual([on![1], off![1], rest.length], [true, false, 0]);
  assert.ok(on![0] >= 10 + 39 && on![0] <= 10 + 56 + 6 && off![0] >= 150 && off![0] <= 156, `${on![0]} to ${off![0]} s`);
});
