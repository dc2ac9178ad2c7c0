import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitRange, PriorityClass, Webhook } from '../../src/api/admission-kinds.js';
import type { Pod, PodSpec } from '../../src/api/core.js';
import { readManifest } from '../../src/api/manifest.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ResourceQuota } from '../../src/api/policy.js';
import { infoOfKind } from '../../src/api/resources.js';
import type { AdmissionView, Attributes } from '../../src/apiserver/admission/attributes.js';
import { claimProblems, podProblems } from '../../src/apiserver/admission/limit-ranger.js';
import { AdmissionPlugins } from '../../src/apiserver/admission/plugins.js';
import { podSecurityProblem } from '../../src/apiserver/admission/pod-security.js';
import { charge, constraintProblem, inScope, increase, podUsage, usageOf, usageText } from '../../src/apiserver/admission/quota.js';
import { refusalOf, webhookMatches, webhookUrl } from '../../src/apiserver/admission/webhooks.js';

function manifest(raw: Record<string, unknown>): KubernetesObject {
  const { object, errors } = readManifest(raw);
  assert.deepEqual(errors, []);
  return object;
}

/** A cluster as admission sees it. */
class View implements AdmissionView {
  private readonly objects: readonly KubernetesObject[];
  constructor(objects: readonly KubernetesObject[]) {
    this.objects = objects;
  }
  private of(resource: string): readonly KubernetesObject[] {
    return this.objects.filter(({ apiVersion, kind }) => infoOfKind(apiVersion, kind)!.resource === resource);
  }
  get(resource: string, key: string): KubernetesObject | undefined {
    return this.of(resource).find(({ metadata: { namespace, name } }) => (namespace === '' ? name : `${namespace}/${name}`) === key);
  }
  in(resource: string, namespace: string): Iterable<KubernetesObject> {
    return this.of(resource).filter(({ metadata }) => metadata.namespace === namespace);
  }
  version(): number {
    return 1;
  }
}

const namespace = (name: string, extra: Record<string, unknown> = {}) => manifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...extra } });
const account = (name: string, extra: Record<string, unknown> = {}) => manifest({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'shop' }, ...extra });
const base = [namespace('shop'), account('default')];

function pod(spec: Record<string, unknown> = {}, container: Record<string, unknown> = {}): Pod {
  return manifest({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop' }, spec: { containers: [{ name: 'c', image: 'nginx:1', ...container }], ...spec } }) as Pod;
}

function create(object: KubernetesObject): Attributes {
  const { resource } = infoOfKind(object.apiVersion, object.kind)!;
  const { namespace: space, name } = object.metadata;
  return { request: { verb: 'create', resource, namespace: space, name, body: object }, operation: 'CREATE', object, old: undefined };
}

const draws = { next: () => 0.5 };

function admit(object: KubernetesObject, objects: readonly KubernetesObject[], attempt = 99) {
  return new AdmissionPlugins(new View(objects)).mutate(create(object), attempt, draws);
}

function admitted(object: KubernetesObject, ...objects: KubernetesObject[]): Pod {
  const verdict = admit(object, [...base, ...objects]);
  assert.equal(verdict.kind, 'allow', JSON.stringify(verdict));
  return (verdict as unknown as { object: Pod }).object;
}

function refused(object: KubernetesObject, ...objects: KubernetesObject[]): string {
  const verdict = admit(object, objects);
  assert.equal(verdict.kind, 'refuse', JSON.stringify(verdict));
  const { response } = verdict as { response: { code: number; message?: string } };
  return `${response.code} ${response.message}`;
}

test('NamespaceLifecycle: missing and terminating namespaces, and the three that stay', () => {
  assert.deepEqual(admit(pod(), [], 0), { kind: 'wait', delay: 50e6 });
  assert.equal(refused(pod()), '404 namespaces "shop" not found');
  const going = { ...namespace('shop'), status: { phase: 'Terminating' } } as KubernetesObject;
  assert.equal(refused(pod(), going), '403 pods "web" is forbidden: unable to create new content in namespace shop because it is being terminated');
  const plugins = new AdmissionPlugins(new View(base));
  for (const name of ['default', 'kube-system', 'kube-public', 'shop']) {
    const verdict = plugins.mutate({ request: { verb: 'delete', resource: 'namespaces', namespace: '', name }, operation: 'DELETE', object: undefined, old: namespace(name) }, 0, draws);
    assert.equal(verdict.kind, name === 'shop' ? 'allow' : 'refuse');
    if (verdict.kind === 'refuse') assert.equal(verdict.response.message, `namespaces "${name}" is forbidden: this namespace may not be deleted`);
  }
});

test('ServiceAccount: name, token volume, pull secrets; a missing account is refused, the default one waited for', () => {
  const { spec } = admitted(pod());
  assert.equal(spec.serviceAccountName, 'default');
  const [volume] = spec.volumes!;
  assert.match(volume!.name, /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.deepEqual(spec.containers[0]!.volumeMounts, [{ name: volume!.name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }]);
  assert.equal(admitted(pod({ automountServiceAccountToken: false })).spec.volumes, undefined);
  const bare = admit(pod({ serviceAccountName: 'bare' }), [...base, account('bare', { automountServiceAccountToken: false, imagePullSecrets: [{ name: 'key' }] })]);
  const bareSpec = (bare as unknown as { object: Pod }).object.spec;
  assert.equal(bareSpec.volumes, undefined);
  assert.deepEqual(bareSpec.extra!['imagePullSecrets'], [{ name: 'key' }]);
  assert.equal(refused(pod({ serviceAccountName: 'robot' }), ...base), '403 pods "web" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found');
  assert.deepEqual(admit(pod(), [namespace('shop')], 3), { kind: 'wait', delay: 150e6 });
  assert.equal(refused(pod(), namespace('shop')), '403 pods "web" is forbidden: error looking up service account shop/default: serviceaccount "default" not found');
  const nameless = { ...pod(), metadata: { ...pod().metadata, name: '', generateName: 'web-7d4-' } };
  assert.match(refused(nameless, namespace('shop')), /^403 pods "web-7d4-" is forbidden/);
});

test('pods of one template share their admitted spec', () => {
  const plugins = new AdmissionPlugins(new View(base));
  const template = pod();
  const specs = [1, 2].map((i) => (plugins.mutate(create({ ...template, metadata: { ...template.metadata, name: `p${i}` } }), 0, draws) as unknown as { object: Pod }).object.spec);
  assert.equal(specs[0], specs[1]);
});

const priorityClass = (name: string, value: number, extra: Record<string, unknown> = {}) =>
  manifest({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value, ...extra }) as PriorityClass;

test('Priority: class, default class, system classes, and what must not be given', () => {
  const high = priorityClass('high', 1000, { preemptionPolicy: 'Never' });
  const { spec } = admitted(pod({ priorityClassName: 'high' }), high);
  assert.deepEqual([spec.priority, spec.preemptionPolicy], [1000, 'Never']);
  const defaults = [priorityClass('b', 20, { globalDefault: true }), priorityClass('a', 10, { globalDefault: true })];
  const byDefault = admitted(pod(), ...defaults).spec;
  assert.deepEqual([byDefault.priority, byDefault.priorityClassName], [10, 'a']);
  assert.equal(admitted(pod({ priorityClassName: 'system-node-critical' })).spec.priority, 2000001000);
  assert.equal(refused(pod({ priorityClassName: 'no' }), ...base), '403 pods "web" is forbidden: no PriorityClass with name no was found');
  assert.equal(
    refused(pod({ priority: 7 }), ...base),
    '403 pods "web" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
  );
  const second = new AdmissionPlugins(new View(defaults)).validate(create(priorityClass('c', 1, { globalDefault: true })));
  assert.equal(second!.message, 'priorityclasses.scheduling.k8s.io "c" is forbidden: PriorityClass b is already marked as default. Only one default can exist');
});

test('DefaultTolerationSeconds, TaintNodesByCondition, storage and runtime classes', () => {
  assert.deepEqual(
    admitted(pod()).spec.tolerations!.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]),
    [['node.kubernetes.io/not-ready', 300], ['node.kubernetes.io/unreachable', 300]],
  );
  const node = manifest({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { capacity: { cpu: '4', memory: '8Gi', pods: '110' } } });
  const { object } = admit(node, base) as unknown as { object: { spec: { taints: unknown } } };
  assert.deepEqual(object.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  const storage = (name: string, creationTimestamp: string) =>
    manifest({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name, creationTimestamp, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } });
  const claim = manifest({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'shop' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } });
  const stored = (admit(claim, [...base, storage('old', '2025-01-01T00:00:00Z'), storage('new', '2025-01-02T00:00:00Z')]) as unknown as { object: { spec: { storageClassName: string }; metadata: { finalizers: string[] } } }).object;
  assert.equal(stored.spec.storageClassName, 'new');
  assert.deepEqual(stored.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  const gvisor = manifest({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'gvisor' }, handler: 'runsc', overhead: { podFixed: { cpu: '100m' } }, scheduling: { nodeSelector: { sandbox: 'yes' } } });
  const sandboxed = admitted(pod({ runtimeClassName: 'gvisor' }), gvisor).spec;
  assert.deepEqual([sandboxed.overhead, sandboxed.nodeSelector], [{ cpu: 100 }, { sandbox: 'yes' }]);
  assert.equal(refused(pod({ runtimeClassName: 'kata' }), ...base), '403 pods "web" is forbidden: pod rejected: RuntimeClass "kata" not found');
});

test('plugins that are switched off leave pods alone and refuse nothing', () => {
  const off = (...names: string[]) => new AdmissionPlugins(new View([]), new Set(names)).mutate(create(pod({ priority: 7 })), 0, draws);
  assert.equal(off().kind, 'wait');
  assert.equal(off('NamespaceLifecycle').kind, 'wait', 'for the account');
  assert.equal(off('NamespaceLifecycle', 'ServiceAccount').kind, 'refuse', 'for the priority');
  const { spec } = (off('NamespaceLifecycle', 'ServiceAccount', 'Priority', 'DefaultTolerationSeconds') as unknown as { object: Pod }).object;
  assert.deepEqual([spec.priority, spec.volumes, spec.tolerations, spec.serviceAccountName], [7, undefined, undefined, undefined]);
});

const range = (...limits: Record<string, unknown>[]) => manifest({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits', namespace: 'shop' }, spec: { limits } }) as LimitRange;

test('LimitRanger: defaults with their annotation, and the words of each constraint', () => {
  const limits = range({ type: 'Container', default: { cpu: '500m', memory: '512Mi' }, defaultRequest: { cpu: '100m' } });
  const given = admitted(pod({}, { resources: { requests: { memory: '64Mi' } } }), limits);
  assert.deepEqual(given.spec.containers[0]!.resources, { requests: { cpu: 100, memory: 67108864 }, limits: { cpu: 500, memory: 536870912 } });
  assert.equal(given.metadata.annotations!['kubernetes.io/limit-ranger'], 'LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c');
  assert.equal(given.status.qosClass, 'Burstable');
  const spec = (requests: Record<string, string>, capped: Record<string, string>): PodSpec => pod({}, { resources: { requests, limits: capped } }).spec;
  // max gives the default limit, which gives the default request.
  const strict = range({ type: 'Container', max: { cpu: '1' }, min: { cpu: '100m' }, maxLimitRequestRatio: { cpu: '2' } });
  assert.deepEqual(strict.spec.limits[0]!.default, { cpu: 1000 });
  assert.deepEqual(podProblems(spec({ cpu: '50m' }, { cpu: '2' }), [strict]), [
    'minimum cpu usage per Container is 100m, but request is 50m',
    'maximum cpu usage per Container is 1, but limit is 2',
    'cpu max limit to request ratio per Container is 2, but provided ratio is 40.000000',
  ]);
  assert.deepEqual(podProblems(spec({}, {}), [strict]), [
    'minimum cpu usage per Container is 100m.  No request is specified',
    'maximum cpu usage per Container is 1.  No limit is specified',
    'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
  ]);
  const total = range({ type: 'Pod', max: { memory: '1Gi' } });
  assert.deepEqual(podProblems(spec({ memory: '1Gi' }, { memory: '2Gi' }), [total]), ['maximum memory usage per Pod is 1Gi, but limit is 2Gi']);
  const plugins = new AdmissionPlugins(new View([...base, strict]));
  assert.equal(plugins.validate(create(pod({}, { resources: { limits: { cpu: '3' }, requests: { cpu: '2' } } })))!.message, 'pods "web" is forbidden: maximum cpu usage per Container is 1, but limit is 3');
  const claim = manifest({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'd', namespace: 'shop' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Gi' } } } });
  assert.deepEqual(claimProblems(claim as Parameters<typeof claimProblems>[0], [range({ type: 'PersistentVolumeClaim', max: { storage: '10Gi' } })]), [
    'maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi',
  ]);
});

test('PodSecurity: the words of the restricted and baseline levels', () => {
  const level = (name: string) => ({ 'pod-security.kubernetes.io/enforce': name });
  assert.equal(podSecurityProblem(pod().spec, undefined), undefined);
  assert.equal(podSecurityProblem(pod({ hostNetwork: true }).spec, level('privileged')), undefined);
  assert.equal(podSecurityProblem(pod().spec, level('baseline')), undefined);
  assert.equal(
    podSecurityProblem(pod().spec, level('restricted')),
    'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  const good = pod({ securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } }, { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } });
  assert.equal(podSecurityProblem(good.spec, level('restricted')), undefined);
  const bad = pod({ hostNetwork: true, volumes: [{ name: 'v', hostPath: { path: '/' } }] }, { securityContext: { privileged: true } });
  assert.equal(
    podSecurityProblem(bad.spec, level('baseline')),
    'violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), hostPath volumes (volume "v"), privileged (container "c" must not set securityContext.privileged=true)',
  );
});

function quota(hard: Record<string, string>, used: Record<string, number> | undefined, extra: Record<string, unknown> = {}): ResourceQuota {
  const object = manifest({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: 'shop' }, spec: { hard, ...extra } }) as ResourceQuota;
  return used === undefined ? object : { ...object, status: { hard: object.spec.hard!, used } };
}

test('ResourceQuota: what is used, what grows, and the words of refusals', () => {
  const web = pod({}, { resources: { requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: '1' } } });
  assert.deepEqual(podUsage(web), { pods: 1, 'count/pods': 1, cpu: 250, 'requests.cpu': 250, memory: 67108864, 'requests.memory': 67108864, 'limits.cpu': 1000 });
  const full = quota({ pods: '2', 'requests.cpu': '1' }, { pods: 2, 'requests.cpu': 900 });
  const delta = increase(full, podUsage(web), undefined)!;
  assert.deepEqual(charge(full, delta), { why: 'exceeded quota: q, requested: pods=1,requests.cpu=250m, used: pods=2,requests.cpu=900m, limited: pods=2,requests.cpu=1' });
  const room = quota({ pods: '3', 'requests.cpu': '2' }, { pods: 2, 'requests.cpu': 900 });
  assert.deepEqual(charge(room, increase(room, podUsage(web), undefined)!), { used: { pods: 3, 'requests.cpu': 1150 } });
  assert.deepEqual(charge(quota({ pods: '3' }, undefined), { pods: 1 }), { why: 'status unknown for quota: q, resources: pods' });
  const memory = quota({ 'requests.memory': '2Gi' }, { 'requests.memory': 2 ** 31 - 1 });
  assert.equal((charge(memory, { 'requests.memory': 2 ** 30 }) as { why: string }).why, 'exceeded quota: q, requested: requests.memory=1Gi, used: requests.memory=2147483647, limited: requests.memory=2Gi');
  assert.equal(constraintProblem(quota({ 'limits.cpu': '1', 'requests.cpu': '1', memory: '1Gi' }, {}), pod()), 'failed quota: q: must specify limits.cpu for: c; memory for: c; requests.cpu for: c');
  assert.equal(constraintProblem(quota({ 'limits.cpu': '1', pods: '3' }, {}), web), undefined);
  const service = manifest({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'shop' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }, { name: 'b', port: 81 }] } });
  assert.deepEqual(usageOf('services', service), { 'count/services': 1, services: 1, 'services.loadbalancers': 1, 'services.nodeports': 2 });
  assert.equal(increase(room, podUsage(web), podUsage(web)), undefined, 'nothing grows');
  assert.equal(usageText({ pods: 1, cpu: 1500 }), 'cpu=1500m,pods=1');
});

test('ResourceQuota: scopes', () => {
  const besteffort = { ...pod(), status: { phase: 'Pending', qosClass: 'BestEffort' } } as Pod;
  const high = { ...pod({ priorityClassName: 'high' }), status: { phase: 'Pending', qosClass: 'Burstable' } } as Pod;
  assert.equal(inScope(quota({}, {}, { scopes: ['BestEffort'] }), 'pods', besteffort), true);
  assert.equal(inScope(quota({}, {}, { scopes: ['NotBestEffort'] }), 'pods', besteffort), false);
  const selector = { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } };
  assert.equal(inScope(quota({}, {}, selector), 'pods', high), true);
  assert.equal(inScope(quota({}, {}, selector), 'pods', besteffort), false);
});

function webhook(extra: Record<string, unknown> = {}): Webhook {
  const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }];
  const clientConfig = { service: { namespace: 'hooks', name: 'inject', path: '/mutate' } };
  const object = manifest({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'inject' },
    webhooks: [{ name: 'inject.example.com', rules, clientConfig, sideEffects: 'None', admissionReviewVersions: ['v1'], ...extra }],
  });
  return (object as unknown as { webhooks: Webhook[] }).webhooks[0]!;
}

test('webhooks: rules, selectors and match policy', () => {
  const view = new View([namespace('shop', { labels: { team: 'a' } }), account('default')]);
  const matches = (extra: Record<string, unknown>, object: KubernetesObject = pod()) => webhookMatches(webhook(extra), create(object), view);
  const rule = (extra: Record<string, unknown>) => ({ rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], ...extra }] });
  assert.equal(matches({}), true);
  assert.equal(matches(rule({ resources: ['services', 'pods/status'] })), false);
  assert.equal(matches(rule({ resources: ['pods/*'] })), true);
  assert.equal(matches(rule({ operations: ['DELETE'] })), false);
  assert.equal(matches(rule({ scope: 'Cluster' })), false);
  assert.equal(matches(rule({ apiVersions: ['v1beta1'] })), true, 'matchPolicy Equivalent');
  assert.equal(matches({ ...rule({ apiVersions: ['v1beta1'] }), matchPolicy: 'Exact' }), false);
  assert.equal(matches({ namespaceSelector: { matchLabels: { team: 'b' } } }), false);
  assert.equal(matches({ namespaceSelector: { matchLabels: { team: 'a' } } }), true);
  assert.equal(matches({ objectSelector: { matchLabels: { x: 'y' } } }), false);
  const labelled = { ...pod(), metadata: { ...pod().metadata, labels: { x: 'y' } } };
  assert.equal(matches({ objectSelector: { matchLabels: { x: 'y' } } }, labelled), true);
  const configuration = manifest({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'v' }, webhooks: [] });
  assert.equal(matches(rule({}), configuration), false, 'webhooks do not see webhook configurations');
});

test('webhooks: what the answers lead to, in the real words', () => {
  assert.equal(webhookUrl(webhook()), 'https://inject.hooks.svc:443/mutate?timeout=10s');
  const said = (answer: Parameters<typeof refusalOf>[1], extra: Record<string, unknown> = {}) => {
    const response = refusalOf(webhook(extra), answer);
    return response === undefined ? 'goes on' : `${response.code} ${response.reason}: ${response.message}`;
  };
  assert.equal(said({ kind: 'denied', message: 'no owner', code: 403 }), '403 Forbidden: admission webhook "inject.example.com" denied the request: no owner');
  assert.equal(said({ kind: 'denied', message: '', code: 403 }), '403 Forbidden: admission webhook "inject.example.com" denied the request without explanation');
  assert.equal(
    said({ kind: 'timeout' }, { timeoutSeconds: 3 }),
    '500 InternalError: Internal error occurred: failed calling webhook "inject.example.com": failed to call webhook: Post "https://inject.hooks.svc:443/mutate?timeout=3s": context deadline exceeded',
  );
  assert.equal(said({ kind: 'timeout' }, { failurePolicy: 'Ignore' }), 'goes on');
  assert.match(said({ kind: 'refused' }), /connect: connection refused$/);
});

test('configurations that the API server refuses', () => {
  const { errors } = readManifest({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration', metadata: { name: 'x' }, webhooks: [{ name: 'a.b.c', matchConditions: [{ name: 'm', expression: 'true' }] }] });
  assert.match(errors[0]!.detail, /CEL is not evaluated here/);
});
