import { join } from 'node:path';
import { readManifest } from '../../src/api/manifest.js';
import { limitHeapGrowth } from '../../src/cli/heap.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';

/**
 * Deployments of plain pods placed in a whole simulated cluster: API server, three etcd members, controllers, scheduler, nodes of
 * the kind kwok that renew their leases. Arguments: nodes, pods. Prints one line of JSON: seconds of the clock on the wall for
 * everything, simulated seconds from the request until the last pod was bound, and the most memory that the process held.
 */
const [nodes = 5000, pods = 50000] = process.argv.slice(2).map(Number);
const REPLICAS = 1000;
limitHeapGrowth();
const started = process.hrtime.bigint();
const base = loadScenario(join(import.meta.dirname, '../../../bench/scheduler/cluster.yaml'));
const run = new ScenarioRun(withWork(base));
while (run.origin < 0) run.advance();
const warm = seconds();
let placed = 0;
let seen = 0;
let last = 0;
while (placed < pods && run.advance()) {
  const { attempts } = run.cluster.scheduler;
  for (; seen < attempts.length; seen++) {
    if (attempts[seen]!.result !== 'scheduled') continue;
    placed++;
    last = attempts[seen]!.time;
  }
}
const result = {
  nodes,
  pods,
  placed,
  seconds: seconds(),
  cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
  warmStart: warm,
  simulated: (last - run.origin) / 1e9,
  mebibytes: Math.round(process.resourceUsage().maxRSS / 1024),
};
console.log(JSON.stringify(result));

function seconds(): number {
  return Number(process.hrtime.bigint() - started) / 1e9;
}

function withWork(scenario: Scenario): Scenario {
  const cluster = { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, nodes) };
  const objects = Array.from({ length: Math.ceil(pods / REPLICAS) }, (_, i) => deployment(i, Math.min(REPLICAS, pods - i * REPLICAS)));
  return { ...scenario, cluster, timeline: [{ at: 0, position: '', action: 'apply', objects }] };
}

function deployment(index: number, replicas: number) {
  const labels = { app: `app-${index}` };
  const resources = { requests: { cpu: '100m', memory: '500Mi' } };
  const containers = [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources }];
  return readManifest({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: labels.app },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  }).object;
}
