import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '../../src/api/core.js';
import { readManifest } from '../../src/api/manifest.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { HorizontalPodAutoscaler } from '../../src/api/policy.js';
import { Serializer } from '../../src/api/serialize.js';
import { parseTimestamp } from '../../src/api/timestamps.js';
import { failure } from '../../src/apiserver/call.js';
import type { ApiRequest, ApiResponse } from '../../src/apiserver/request.js';
import type { MetricsSource } from '../../src/controllers/horizontal-metrics.js';
import { HorizontalPodAutoscalerController } from '../../src/controllers/horizontal-pod-autoscaler.js';
import type { PodMetric } from '../../src/controllers/horizontal-policy.js';
import { FakeCluster, meta } from './fake-cluster.js';

/** One look of the real HorizontalPodAutoscaler controller of v1.34.4 at a random state (test/data/controllers/PROVENANCE.md). */

interface RecordedPod {
  readonly name: string;
  readonly deleted: boolean;
  readonly phase: string;
  readonly ready: string;
  readonly changed: string;
  readonly requests: boolean;
}

interface Action {
  readonly verb: string;
  readonly what: 'scale' | 'status';
  readonly replicas?: number;
  readonly status?: Readonly<Record<string, unknown>>;
}

interface Recorded {
  readonly hpa: Readonly<Record<string, unknown>>;
  readonly replicas: number;
  readonly inStatus: number;
  readonly selector: string;
  readonly pods: readonly RecordedPod[];
  readonly values: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly single: Readonly<Record<string, number>>;
  readonly fault: string;
  readonly actions: readonly Action[];
  readonly events: readonly string[];
}

// An average over no replicas at all is infinity, which Go turns into the smallest integer on this processor, into the largest on others; here it is 0.
const text = gunzipSync(readFileSync('test/data/controllers/autoscaler.jsonl.gz')).toString().replaceAll('"-9223372036854775808m"', '"0"');
const cases = text.split('\n').map((line) => JSON.parse(line) as Recorded);
const EPOCH = parseTimestamp('2025-01-01T00:00:00Z')!;
/** The pods have been running for months. */
const NOW = 200 * 24 * 3600e9;

class RecordedMetrics implements MetricsSource {
  private readonly recorded: Recorded;

  constructor(recorded: Recorded) {
    this.recorded = recorded;
  }

  private of(metric: string, unit: number): ReadonlyMap<string, PodMetric> {
    const values = Object.entries(this.recorded.values[metric] ?? {});
    return new Map(values.map(([name, value]) => [name, { value: value / unit, timestamp: NOW, window: 60e9 }]));
  }

  resource(_: readonly Pod[], resource: string): ReadonlyMap<string, PodMetric> {
    return this.of(resource, 1);
  }

  pods(_namespace: string, _pods: readonly Pod[], metric: string): ReadonlyMap<string, PodMetric> {
    return this.of(metric, 1000);
  }

  value(_namespace: string, metric: string): number | undefined {
    const value = this.recorded.single[metric];
    return value === undefined ? undefined : value / 1000;
  }
}

function toPod({ name, deleted, phase, ready, changed, requests }: RecordedPod): Pod {
  const time = (parseTimestamp(changed)! - EPOCH) * 1e6;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta(name, 'default', { app: 'web' }), ...(deleted ? { deletionTimestamp: 7200e9 } : {}) },
    spec: { containers: [{ name: 'app', image: 'a', ...(requests ? { resources: { requests: { cpu: 100 } } } : {}) }] },
    status: { phase, startTime: 0, conditions: [{ type: 'Ready', status: ready, lastTransitionTime: time }] },
  } as unknown as Pod;
}

const serializer = new Serializer(EPOCH);

/** A status as it was recorded: without times. */
function statusText(autoscaler: HorizontalPodAutoscaler): object {
  const { observedGeneration: _, ...status } = (JSON.parse(JSON.stringify(serializer.object(autoscaler))) as { status: Record<string, unknown> }).status;
  const conditions = (status['conditions'] as readonly Record<string, unknown>[] | undefined)?.map(({ lastTransitionTime: _time, ...rest }) => rest);
  return { ...status, ...(status['lastScaleTime'] === undefined ? {} : { lastScaleTime: true }), ...(conditions === undefined ? {} : { conditions }) };
}

class Api {
  readonly actions: Action[] = [];
  private readonly recorded: Recorded;
  private updates = 0;

  constructor(recorded: Recorded) {
    this.recorded = recorded;
  }

  answer({ verb, resource, subresource, replicas, body }: ApiRequest): ApiResponse {
    const { fault, selector, inStatus } = this.recorded;
    const changed = 'the object has been modified; please apply your changes to the latest version and try again';
    if (resource === 'pods') return { code: 200, items: [] };
    if (subresource === 'status') {
      this.actions.push({ verb, what: 'status', status: statusText(body as HorizontalPodAutoscaler) as Record<string, unknown> });
      return fault === 'status conflict' ? failure(409, `Operation cannot be fulfilled on horizontalpodautoscalers.autoscaling "web": ${changed}`) : { code: 200, object: body! };
    }
    assert.equal(subresource, 'scale');
    if (verb === 'get') {
      this.actions.push({ verb, what: 'scale' });
      if (fault === 'no scale' || (fault === 'lost' && this.updates > 0)) return failure(404, 'deployments/scale.apps "web" not found');
      const spec = { replicas: this.recorded.replicas, selector: selector === '' ? {} : { matchLabels: { app: 'web' } } };
      return { code: 200, object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...meta('web'), resourceVersion: 9 }, spec, status: { replicas: inStatus } } as KubernetesObject };
    }
    this.actions.push({ verb, what: 'scale', replicas: replicas! });
    this.updates++;
    const conflicts = Number(/^conflict (\d)$/.exec(fault)?.[1] ?? (fault === 'lost' ? 1 : 0));
    if (this.updates <= conflicts) return failure(409, `Operation cannot be fulfilled on deployments.apps "web": ${changed}`);
    return fault === 'error' || fault === 'lost' ? failure(500, 'boom') : { code: 200 };
  }
}

function replay(recorded: Recorded): { readonly actions: readonly Action[]; readonly events: readonly string[] } {
  const cluster = new FakeCluster({ nodes: 0 });
  Object.defineProperty(cluster.simulation, 'now', { get: () => NOW });
  const controller = new HorizontalPodAutoscalerController(cluster, cluster.client('autoscaler'), new RecordedMetrics(recorded));
  const show = (resource: string, object: KubernetesObject) =>
    (cluster.informer(resource) as unknown as { change(object: KubernetesObject, deleted: boolean): void }).change(object, false);
  const read = readManifest({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', ...recorded.hpa });
  assert.deepEqual(read.errors, []);
  // Readers of manifests leave the status out.
  const { currentMetrics: _, ...status } = recorded.hpa['status'] as HorizontalPodAutoscaler['status'];
  show('horizontalpodautoscalers', { ...read.object, status } as KubernetesObject);
  for (const pod of recorded.pods) show('pods', toPod(pod));
  const sync = controller.reconcile('default/web')!;
  const api = new Api(recorded);
  for (let requests = sync.next([]); requests !== null; ) requests = sync.next(requests.map((request) => api.answer(request)));
  return { actions: api.actions, events: cluster.events.map(({ type, reason, message }) => `${type} ${reason} ${message}`) };
}

test('2,000 looks of an autoscaler: requests, conditions and events of the real controller', () => {
  assert.equal(cases.length, 2000);
  cases.forEach((recorded, i) => {
    const { actions, events } = replay(recorded);
    assert.deepEqual({ case: i, events, actions }, { case: i, events: recorded.events, actions: recorded.actions });
  });
});
