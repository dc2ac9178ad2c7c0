import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedCluster } from '../../src/cluster/simulated-cluster.js';
import { CONTROLLER_NAMES } from '../../src/controllers/registry.js';
import type { RestClient } from '../../src/client/rest-client.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root } from './scenario.js';

const scenario = loadScenario(join(root, 'scenarios', 'strategies.yaml'));

/** How many requests a client sends at once before it waits, and how long the next one waits. */
function limitsOf(client: RestClient): { readonly burst: number; readonly qps: number } {
  const receiver = { receive(): void {} };
  for (let burst = 0; burst <= 5000; burst++) {
    const before = client.limiterWait;
    client.request({ verb: 'get', resource: 'nodes', namespace: '', name: 'x', fromCache: true }, receiver, 0);
    const wait = client.limiterWait - before;
    if (wait > 0) return { burst, qps: Math.round(1e9 / wait) };
  }
  return { burst: Number.POSITIVE_INFINITY, qps: Number.POSITIVE_INFINITY };
}

interface Inside {
  readonly kubeletClients: readonly RestClient[];
  readonly heartbeatClients: readonly RestClient[];
}

test("each component's clients have limits of their own, those of the real one", () => {
  const cluster = new SimulatedCluster({ ...scenario, objects: [] });
  const byName = new Map<string, { burst: number; qps: number }[]>();
  const note = (client: RestClient): void => {
    const name = client.user.replace('system:serviceaccount:kube-system:', '');
    byName.set(name, [...(byName.get(name) ?? []), limitsOf(client)]);
  };
  for (const client of cluster.controllerManager.clients) note(client);
  // Taint eviction has a client of its own with the account of the node lifecycle controller; nobody shares a bucket with another.
  const twenty = { burst: 30, qps: 20 };
  assert.deepEqual(byName.get('generic-garbage-collector'), [{ burst: 30, qps: 40 }]);
  assert.deepEqual(byName.get('namespace-controller'), [{ burst: 3000, qps: 400 }]);
  assert.deepEqual(byName.get('node-controller'), [twenty, twenty]);
  assert.deepEqual(byName.get('csi-attacher'), [{ burst: 10, qps: 5 }]);
  assert.deepEqual(byName.get('csi-provisioner'), [{ burst: 10, qps: 5 }]);
  const special = ['csi-attacher', 'csi-provisioner', 'generic-garbage-collector', 'namespace-controller', 'node-controller'];
  const others = [...byName].filter(([name]) => !special.includes(name));
  // Attacher and provisioner are programs beside the storage driver.
  assert.equal(others.length, CONTROLLER_NAMES.length - 4);
  for (const [name, limits] of others) assert.deepEqual(limits, [twenty], name);

  // The scheduler: one for binding and reading, one for events.
  const fifty = { burst: 100, qps: 50 };
  assert.deepEqual(cluster.schedulerProcess.clients.map(limitsOf), [fifty, fifty]);

  const { kubeletClients, heartbeatClients } = cluster as unknown as Inside;
  assert.deepEqual(limitsOf(kubeletClients[0]!), fifty);
  assert.deepEqual(limitsOf(kubeletClients[1]!), fifty, 'that of another node is untouched');
  assert.equal(limitsOf(heartbeatClients[0]!).qps, Number.POSITIVE_INFINITY, 'leases and node status do not wait');
  const leases = cluster.controlPlane.flatMap(({ electors }) => electors.map((elector) => limitsOf((elector as unknown as { client: RestClient }).client)));
  assert.deepEqual(leases, [twenty, fifty], 'the lease of a process has a client of its own');
});
