import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { Deployment } from '../../src/api/workloads.js';
import { decide, type RegistryContext } from '../../src/apiserver/registry.js';
import type { ApiRequest, Patch } from '../../src/apiserver/request.js';

class Context implements RegistryContext {
  now = 5e9;
  private uids = 0;
  newUid(): string {
    return `uid-${this.uids++}`;
  }
  newNameSuffix(): string {
    return 'abcde';
  }
  newClusterIP(): string {
    return '10.96.0.1';
  }
  newNodePort(): number {
    return 30001;
  }
}

const container = { name: 'c', image: 'web:1', imagePullPolicy: 'IfNotPresent' } as const;

function pod(fields: Partial<Pod['metadata']> = {}, spec: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: 7, generation: 1, creationTimestamp: 1, ...fields },
    spec: { containers: [container], schedulerName: 'default-scheduler', restartPolicy: 'Always', terminationGracePeriodSeconds: 30, ...spec },
    status: { phase: 'Running' },
  };
}

const base: ApiRequest = { verb: 'get', resource: 'pods', namespace: 'n', name: 'p' };

class Label implements Patch {
  readonly bytes = 1;
  apply(current: KubernetesObject): KubernetesObject {
    return { ...current, metadata: { ...current.metadata, labels: { a: 'b' } } };
  }
}

test('create fills what the server owns and refuses what exists', () => {
  const context = new Context();
  const created = decide({ ...base, verb: 'create', body: pod({ uid: '', resourceVersion: 3 }) }, undefined, context);
  assert.equal(created.kind, 'put');
  if (created.kind !== 'put') return;
  assert.equal(created.expectedRevision, 0);
  assert.deepEqual(
    { ...created.object.metadata },
    { name: 'p', namespace: 'n', uid: 'uid-0', resourceVersion: 0, generation: 1, creationTimestamp: 5e9 },
  );
  assert.equal((created.object as Pod).status.phase, 'Pending');
  const again = decide({ ...base, verb: 'create', body: pod() }, pod(), context);
  assert.equal(again.kind === 'fail' && again.response.reason, 'AlreadyExists');
  assert.equal(again.kind === 'fail' && again.response.message, 'pods "p" already exists');
});

test('an update with an old resourceVersion is a conflict in the real words', () => {
  const decision = decide({ ...base, verb: 'update', body: pod({ resourceVersion: 6 }) }, pod(), new Context());
  assert.equal(decision.kind === 'fail' && decision.response.code, 409);
  assert.equal(
    decision.kind === 'fail' && decision.response.message,
    'Operation cannot be fulfilled on pods "p": the object has been modified; please apply your changes to the latest version and try again',
  );
});

test('generation rises with the spec only; status writes leave the spec alone', () => {
  const current: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: 7, generation: 4, creationTimestamp: 1 },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: pod().spec },
      strategy: { type: 'Recreate' },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    },
    status: { replicas: 3 },
  };
  const request: ApiRequest = { ...base, resource: 'deployments', verb: 'update' };
  const scaled = decide({ ...request, subresource: 'scale', replicas: 5 }, current, new Context());
  assert.ok(scaled.kind === 'put' && scaled.object.metadata.generation === 5);
  assert.ok(scaled.kind === 'put' && (scaled.object as Deployment).status.replicas === 3);
  const body = { ...current, spec: { ...current.spec, replicas: 9 }, status: { replicas: 4 } };
  const status = decide({ ...request, subresource: 'status', body }, current, new Context());
  assert.ok(status.kind === 'put' && status.object.metadata.generation === 4);
  assert.ok(status.kind === 'put' && (status.object as Deployment).spec.replicas === 3);
  assert.ok(status.kind === 'put' && (status.object as Deployment).status.replicas === 4);
});

test('what the API server refuses is refused in its words, on creation and on update', () => {
  const context = new Context();
  const nameless = pod({ uid: '' }, { containers: [{ ...container, image: '' }] });
  const created = decide({ ...base, verb: 'create', body: nameless }, undefined, context);
  assert.equal(created.kind === 'fail' && created.response.code, 422);
  assert.equal(
    created.kind === 'fail' && created.response.message,
    'Pod "p" is invalid: spec.containers[0].image: Required value',
  );
  const moved = { ...pod(), spec: { ...pod().spec, containers: [{ ...container, name: 'other' }] } };
  const updated = decide({ ...base, verb: 'update', body: moved }, pod(), context);
  assert.equal(updated.kind === 'fail' && updated.response.code, 422);
});

test('admission completes a pod: priority, tolerations of five minutes, class of service', () => {
  const created = decide({ ...base, verb: 'create', body: pod({ uid: '' }) }, undefined, new Context());
  assert.equal(created.kind, 'put');
  if (created.kind !== 'put') return;
  const { spec, status } = created.object as Pod;
  assert.equal(spec.priority, 0);
  assert.equal(status.qosClass, 'BestEffort');
  assert.deepEqual(
    spec.tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]),
    [
      ['node.kubernetes.io/not-ready', 300],
      ['node.kubernetes.io/unreachable', 300],
    ],
  );
});

test('what changes nothing is not written', () => {
  const labelled = pod({ labels: { a: 'b' } });
  assert.equal(decide({ ...base, verb: 'patch', patch: new Label() }, labelled, new Context()).kind, 'unchanged');
  assert.equal(decide({ ...base, verb: 'patch', patch: new Label() }, pod(), new Context()).kind, 'put');
});

test('a bound pod is first marked, then removed by the kubelet; what has no grace left is marked and goes at once', () => {
  const context = new Context();
  const bound = pod({}, { nodeName: 'node-0' });
  const marked = decide({ ...base, verb: 'delete' }, bound, context);
  assert.equal(marked.kind, 'put');
  if (marked.kind !== 'put') return;
  assert.equal(marked.object.metadata.deletionTimestamp, 35e9);
  assert.equal(marked.object.metadata.deletionGracePeriodSeconds, 30);
  assert.equal(decide({ ...base, verb: 'delete' }, marked.object, context).kind, 'unchanged');
  // As recorded: the mark with a period of 0 is a revision of its own, with the timestamp moved back and the generation as it was.
  const final = decide({ ...base, verb: 'delete', gracePeriodSeconds: 0, preconditions: { uid: 'u' } }, marked.object, context);
  assert.ok(final.kind === 'put' && final.deletes === true);
  assert.equal(final.object.metadata.deletionTimestamp, 5e9);
  assert.equal(final.object.metadata.deletionGracePeriodSeconds, 0);
  assert.equal(final.object.metadata.generation, marked.object.metadata.generation);
  assert.equal(decide({ ...base, verb: 'delete' }, final.object, context).kind, 'delete');
  const other = decide({ ...base, verb: 'delete', gracePeriodSeconds: 0, preconditions: { uid: 'x' } }, marked.object, context);
  assert.equal(other.kind === 'fail' && other.response.code, 409);
  const unbound = decide({ ...base, verb: 'delete' }, pod(), context);
  assert.ok(unbound.kind === 'put' && unbound.deletes === true);
  assert.equal(unbound.object.metadata.deletionGracePeriodSeconds, 0);
});

test('finalizers keep an object until the last one is taken away', () => {
  const context = new Context();
  const object = pod({ finalizers: ['example.com/a'] });
  const marked = decide({ ...base, verb: 'delete' }, object, context);
  assert.equal(marked.kind, 'put');
  if (marked.kind !== 'put') return;
  assert.equal(marked.object.metadata.deletionTimestamp, 5e9);
  const { finalizers: _gone, ...metadata } = marked.object.metadata;
  const updated = decide({ ...base, verb: 'update', body: { ...marked.object, metadata } as Pod }, marked.object, context);
  assert.equal(updated.kind, 'delete');
});

test('binding sets the node once', () => {
  const context = new Context();
  const request: ApiRequest = { ...base, verb: 'create', subresource: 'binding', target: 'node-3' };
  const bound = decide(request, pod(), context);
  assert.ok(bound.kind === 'put' && (bound.object as Pod).spec.nodeName === 'node-3');
  const again = decide(request, pod({}, { nodeName: 'node-1' }), context);
  assert.equal(
    again.kind === 'fail' && again.response.message,
    'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "node-1"',
  );
});

test('a body made for its request is stored as it is; one that names no version, or is kept by its sender, is copied', () => {
  const current = pod();
  const update = (body: Pod, fresh: boolean) => {
    const decision = decide({ ...base, verb: 'update', body, ...(fresh ? { fresh: true } : {}) }, current, new Context());
    assert.equal(decision.kind, 'put');
    return decision.kind === 'put' ? decision.object : current;
  };
  const changed = (resourceVersion: number) => pod({ resourceVersion, generation: 0, uid: '' }, { activeDeadlineSeconds: 5 });
  for (const [version, fresh] of [[7, true], [7, false], [0, true]] as const) {
    const body = changed(version);
    const before = structuredClone(body);
    const stored = update(body, fresh);
    assert.deepEqual({ ...stored.metadata }, { ...current.metadata, generation: 2 });
    const own = fresh && version === 7;
    assert.equal(stored.metadata === body.metadata, own);
    if (!own) assert.deepEqual(body, before, 'the sender may use it again');
  }
});
