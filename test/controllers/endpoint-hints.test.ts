import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '../../src/api/core.js';
import { podEndpoint } from '../../src/controllers/endpoint-slice-policy.js';

function pod(ready: boolean): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: 'p', resourceVersion: 1, generation: 1, creationTimestamp: 0 },
    spec: { containers: [], nodeName: 'n1' },
    status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as Pod;
}

function service(trafficDistribution?: string): Service {
  const spec = { type: 'ClusterIP', ports: [], ...(trafficDistribution === undefined ? {} : { trafficDistribution }) };
  return { apiVersion: 'v1', kind: 'Service', metadata: pod(true).metadata, spec } as Service;
}

test('trafficDistribution gives ready endpoints hints of their own zone, or node and zone; others have none', () => {
  const hints = (distribution: string | undefined, ready = true) => podEndpoint(pod(ready), 'a', service(distribution))!.hints;
  assert.equal(hints(undefined), undefined);
  for (const same of ['PreferClose', 'PreferSameZone']) assert.deepEqual(hints(same), { forZones: [{ name: 'a' }] });
  assert.deepEqual(hints('PreferSameNode'), { forZones: [{ name: 'a' }], forNodes: [{ name: 'n1' }] });
  assert.equal(hints('PreferClose', false), undefined);
});
