import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyOf } from '../../src/api/meta.js';
import { ClusterFaults } from '../../src/cluster/cluster-faults.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { mainScenario } from './scenario.js';

/** What is broken or restarted in one second. */
const step = fc.record({
  at: fc.integer({ min: 1, max: 40 }),
  kind: fc.constantFrom('crash', 'restart', 'leader', 'kill', 'compact'),
  index: fc.integer({ min: 0, max: 2 }),
});

test('caches converge to the store over restarts of API servers, changes of the etcd leader and compactions', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 6 }), (steps) => {
      const scenario = mainScenario(80);
      const { rollout: _none, ...rest } = scenario;
      const frontend = { namespace: 'default', name: 'frontend' };
      const run = new ScenarioRun({
        ...rest,
        traffic: [],
        timeline: [{ at: 2e9, position: 'test', action: 'scale', deployment: frontend, replicas: 20 }],
        cluster: { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, 6), apiServers: 3, etcd: { ...scenario.cluster.etcd, members: 3, zones: ['a', 'a', 'a'] } },
      });
      const faults = new ClusterFaults(run.cluster);
      run.warmUp();
      for (let second = 0; run.advance(); second++) {
        for (const { at, kind, index } of steps) {
          if (at === second && kind === 'crash') faults.setApiServer(index, false);
          if (at + 3 === second && kind === 'crash') faults.setApiServer(index, true);
          if (at === second && kind === 'restart') faults.restartApiServer(index, 1e9, 1e9);
          if (at === second && kind === 'leader') faults.moveEtcdLeader(index);
          if (at === second && kind === 'kill') faults.setEtcdMember(index, false);
          if (at + 4 === second && kind === 'kill') faults.setEtcdMember(index, true);
          if (at === second && kind === 'compact') {
            const { revision } = run.cluster.servers[0]!.cache('pods');
            run.cluster.etcdClusters.clientFor(0, run.cluster.servers[0]!.host).request({ op: 'compact', revision }, { etcdResponse: () => {} }, 0);
          }
        }
      }
      const stored = new Map<string, number>();
      const member = run.cluster.etcd.members.find(({ isLeader }) => isLeader)!;
      const kvs = member.store.range('/registry/pods/', true, 0, 0)!;
      for (const kv of kvs) stored.set(kv.key.slice('/registry/pods/'.length), kv.modRevision);
      const versions = (objects: Iterable<Parameters<typeof keyOf>[0]>) => new Map([...objects].map((object) => [keyOf(object), object.metadata.resourceVersion]));
      const sorted = (map: ReadonlyMap<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
      assert.ok(stored.size >= 20);
      for (const server of run.cluster.servers) {
        assert.ok(server.up, server.name);
        assert.deepEqual(sorted(versions(server.cache('pods').objects.values())), sorted(stored), server.name);
      }
      for (const process of [run.cluster.controllerManager, run.cluster.schedulerProcess]) {
        assert.deepEqual(sorted(versions(process.informer('pods').list())), sorted(stored), process.name);
      }
      assert.equal(run.cluster.connections.nodes!.waiting, 0);
    }),
    { numRuns: 6, seed: 7 },
  );
});
