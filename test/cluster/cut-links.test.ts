import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../src/api/core.js';
import type { Lease } from '../../src/api/workloads.js';
import type { ScenarioRun } from '../../src/cluster/run.js';
import { SECOND } from '../../src/kernel/time.js';
import { Cases, deployment, objects, secondsOf, service } from './cases.js';

const cases = new Cases('cut-links');
cases.write('web.yaml', deployment(4), service());

/** Four nodes and one API server, whose link with node-3 breaks as `link` says after 20 s. */
function start(seconds: number, link: object | null, more: readonly object[] = []): ScenarioRun {
  return cases.start({
    duration: `${seconds}s`,
    cluster: { nodes: [{ count: 4, name: 'node', template: 'node.yaml' }] },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true, start: '1s', request: { time: '1ms', concurrency: 10 } }],
    traffic: [{ to: 'service/web', via: 'clusterIP', clients: 4, rate: '40/s', timeout: '2s' }],
    timeline: [...(link === null ? [] : [{ at: '20s', fail: { link } }]), ...more],
  });
}

const CUTS: readonly [what: string, link: object][] = [
  ['both ways', { from: 'node-3', to: 'control-plane-0' }],
  ['from the node only', { from: 'node-3', to: 'control-plane-0', oneWay: true }],
  ['to the node only', { from: 'control-plane-0', to: 'node-3', oneWay: true }],
];

/** Pods that the proxy of a node sends to. */
function endpoints(run: ScenarioRun, node: number): string[] {
  const { proxies } = run.cluster;
  return Array.from(proxies.view(node, proxies.serviceNumber('default', 'web')).addresses, (address) => proxies.addresses.address(address)).sort();
}

/** Addresses of the pods that the API has for ready. */
function ready(run: ScenarioRun): string[] {
  const pods = objects<Pod>(run, 'pods').filter(({ status }) => status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'));
  return pods.map(({ status }) => status.podIP!).sort();
}

for (const [what, link] of CUTS) {
  test(`kube-proxy keeps its endpoints while its link with the API server is cut, ${what}, and has the new ones after its watches are open again`, () => {
    const run = start(170, link, [
      { at: '30s', setImage: { deployment: 'web', image: 'web:2' } },
      { at: '60s', heal: { link } },
    ]);
    run.warmUp();
    let before: string[] = [];
    let sawNew = 0;
    for (let more = true; more; ) {
      more = run.advance();
      const now = secondsOf(run);
      if (now === 20) before = endpoints(run, 3);
      if (now > 30 && now <= 60) assert.deepEqual(endpoints(run, 3), before, `after ${now} s`);
      if (now === 60) assert.equal(endpoints(run, 0).filter((address) => before.includes(address)).length <= 1, true, `${endpoints(run, 0)}`);
      if (now > 60 && sawNew === 0 && endpoints(run, 3).join() === ready(run).join()) sawNew = now;
    }
    // The client of a dead connection notices after 45 s (HTTP/2 pings every 30 s, answered within 15 s); the first change was lost at 30 s or soon after.
    assert.ok(sawNew >= 75 && sawNew <= 45 + 40, `new endpoints after ${sawNew} s`);
    assert.deepEqual(endpoints(run, 0), ready(run));
    const totals = run.cluster.workload.statistics()[0]!.totals(run.origin + 40 * SECOND, run.origin + 60 * SECOND);
    // A quarter of the clients is on the node, whose proxy still sends to pods that have gone: three of four, as its own pod stays.
    assert.ok(totals.errors > 0.15 * totals.requests && totals.errors < 0.3 * totals.requests, `${totals.errors} of ${totals.requests}`);
  });
}

test('without a cut the same rollout loses no request, and all proxies have its pods', () => {
  const run = start(80, null, [{ at: '30s', setImage: { deployment: 'web', image: 'web:2' } }]);
  while (run.advance());
  for (let node = 0; node < 4; node++) assert.deepEqual(endpoints(run, node), ready(run));
  const totals = run.cluster.workload.statistics()[0]!.totals(run.origin + 40 * SECOND, run.origin + 60 * SECOND);
  assert.equal(totals.errors, 0);
});

for (const [what, link] of CUTS) {
  test(`a node whose link with the API server is cut, ${what}, is Unknown 50 to 56 s after its last lease, and Ready again when the link is back`, () => {
    const run = start(240, link, [{ at: '160s', heal: { link } }]);
    run.warmUp();
    let unknownAt = 0;
    let silent = 0;
    let tainted = 0;
    let ready = 0;
    for (let goesOn = true; goesOn; ) {
      goesOn = run.advance();
      const now = secondsOf(run);
      const node = objects<Node>(run, 'nodes').find(({ metadata }) => metadata.name === 'node-3')!;
      const condition = node.status.conditions!.find(({ type }) => type === 'Ready')!;
      if (unknownAt === 0 && condition.status === 'Unknown') {
        unknownAt = now;
        const lease = objects<Lease>(run, 'leases').find(({ metadata }) => metadata.name === 'node-3')!;
        silent = (condition.lastTransitionTime! - lease.spec.renewTime!) / SECOND;
      }
      if (tainted === 0 && node.spec.taints?.some(({ effect }) => effect === 'NoExecute') === true) tainted = now;
      if (unknownAt > 0 && ready === 0 && condition.status === 'True') ready = now;
    }
    assert.ok(silent > 50 && silent < 56, `Unknown ${silent} s after the last lease`);
    // Where only answers are lost one more renewal is carried out; its successors name the version of the lease before it (conflict).
    const more = what === 'to the node only' ? 10.4 : 0;
    assert.ok(unknownAt >= 20 - 10.4 + more + 50 && unknownAt <= 20 + more + 57, `Unknown after ${unknownAt} s`);
    assert.ok(tainted - unknownAt >= 0 && tainted - unknownAt <= 2, `tainted after ${tainted} s`);
    assert.ok(ready > 160 && ready < 160 + 60, `Ready after ${ready} s`);
  });
}
