import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node } from '../../src/api/core.js';
import type { Lease } from '../../src/api/workloads.js';
import { NodeTable } from '../../src/controllers/node-table.js';

const GRACE = 50e9;
const PERIOD = 5e9;

function node(name: string, zone: string, heartbeat: number): Node {
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: heartbeat }];
  return { metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } }, spec: {}, status: { conditions } } as unknown as Node;
}

function lease(name: string, renewTime: number): Lease {
  return { metadata: { name, namespace: 'kube-node-lease' }, spec: { renewTime } } as unknown as Lease;
}

const step = fc.record({
  what: fc.constantFrom('node', 'forget', 'lease', 'unlease', 'pass', 'pass', 'pass'),
  who: fc.integer({ min: 0, max: 5 }),
  zone: fc.constantFrom('a', 'b'),
  stamp: fc.integer({ min: 0, max: 3 }),
});

/** One pass as the controller makes it: nodes silent for the grace period stay under observation, the others are settled. */
function pass(table: NodeTable, now: number): string[] {
  const silent: string[] = [];
  for (const record of table.attend(now)) {
    const { node, condition, lease: own, zone } = record;
    let probe = table.probe(record);
    if (Number.isNaN(probe) || condition!.lastHeartbeatTime !== record.heartbeat || (own !== undefined && own.spec.renewTime !== record.renewed)) probe = now;
    table.setProbe(record, probe);
    record.heartbeat = condition!.lastHeartbeatTime;
    record.renewed = own?.spec.renewTime;
    zone.total++;
    if (now >= probe + GRACE) silent.push(node.metadata.name);
    else {
      zone.ready++;
      table.settle(record);
    }
  }
  return silent;
}

test('passes over the table find what passes over all nodes find', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      const table = new NodeTable();
      const nodes = new Map<string, { node: Node; zone: string; probe: number; heartbeat: number; renewed: number | undefined }>();
      const leases = new Map<string, Lease>();
      let changed: [string, Lease | undefined][] = [];
      let now = 0;
      for (const { what, who, zone, stamp } of steps) {
        const name = `node-${who}`;
        if (what === 'node') {
          const made = node(name, zone, stamp);
          const known = nodes.get(name);
          nodes.set(name, { probe: Number.NaN, heartbeat: -1, renewed: -1, ...known, node: made, zone });
          table.know(made, leases.get(name));
        } else if (what === 'forget') {
          assert.equal(table.forget(name) !== undefined, nodes.delete(name));
        } else if (what === 'lease') {
          leases.set(name, lease(name, stamp));
          changed.push([name, leases.get(name)]);
        } else if (what === 'unlease') {
          leases.delete(name);
          changed.push([name, undefined]);
        } else {
          now += PERIOD;
          for (const [whose, one] of changed) table.leaseChanged(whose, one);
          changed = [];
          const silent = pass(table, now);
          const expected: string[] = [];
          const total: Record<string, number> = {};
          for (const [whose, known] of nodes) {
            const heartbeat = known.node.status.conditions![0]!.lastHeartbeatTime!;
            const renewed = leases.get(whose)?.spec.renewTime;
            if (Number.isNaN(known.probe) || heartbeat !== known.heartbeat || (renewed !== undefined && renewed !== known.renewed)) known.probe = now;
            known.heartbeat = heartbeat;
            known.renewed = renewed;
            total[known.zone] = (total[known.zone] ?? 0) + 1;
            if (now >= known.probe + GRACE) expected.push(whose);
          }
          assert.deepEqual([...silent].sort(), expected.sort());
          assert.equal(table.zones.reduce((sum, counted) => sum + counted.total, 0), nodes.size);
          assert.deepEqual(table.zones.map((counted) => counted.total).filter((count) => count > 0).sort(), Object.values(total).sort());
          assert.equal(table.zones.reduce((sum, counted) => sum + counted.ready, 0), nodes.size - expected.length);
        }
      }
    }),
  );
});
