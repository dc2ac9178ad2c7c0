import type { LimitRange, LimitRangeItem, PriorityClass, Role, RoleBinding, RuntimeClass, Subject, Webhook, WebhookConfiguration, WebhookRule } from './admission-kinds.js';
import { present, readTolerations } from './manifest-pod.js';
import { readSelector } from './manifest-selector.js';
import type { ObjectMeta } from './meta.js';
import { resourceAmount } from './quantity.js';
import { type FieldReader, isMap, type RawMap } from './reader.js';

/** The kinds that admission and authorization read, out of manifests, with Kubernetes' defaults. */

const CONFIGURATION = new Set(['apiVersion', 'kind', 'metadata', 'webhooks']);
const WEBHOOK = new Set([
  'name', 'clientConfig', 'rules', 'failurePolicy', 'matchPolicy', 'namespaceSelector', 'objectSelector', 'timeoutSeconds',
  'reinvocationPolicy', 'sideEffects', 'admissionReviewVersions',
]);
const NONE: ReadonlySet<string> = new Set();
/** admissionregistration/v1 defaults.go. */
const TIMEOUT_SECONDS = 10;

/** A LimitRange; limits of containers are completed from max and min (SetDefaults_LimitRangeItem). */
export function readLimitRange(read: FieldReader, raw: RawMap, metadata: ObjectMeta): LimitRange {
  const spec = read.map(raw, 'spec', '') ?? {};
  const limits = read.listOf(spec, 'limits', 'spec', (item, at) => {
    const max = read.resources(item, 'max', at);
    const min = read.resources(item, 'min', at);
    let limit = read.resources(item, 'default', at);
    let request = read.resources(item, 'defaultRequest', at);
    const type = read.text(item, 'type', at) ?? '';
    if (type === 'Container') {
      limit = merged(max, limit);
      request = merged(min, limit, request);
    }
    return present<LimitRangeItem>({ type, max, min, default: limit, defaultRequest: request, maxLimitRequestRatio: ratios(read, item, at) });
  });
  return { apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits: limits ?? [] } };
}

/** Later lists win. */
function merged(...lists: (Readonly<Record<string, number>> | undefined)[]): Readonly<Record<string, number>> | undefined {
  const all = Object.assign({}, ...lists) as Record<string, number>;
  return Object.keys(all).length === 0 ? undefined : all;
}

function ratios(read: FieldReader, item: RawMap, at: string): Readonly<Record<string, number>> | undefined {
  const map = read.map(item, 'maxLimitRequestRatio', at);
  if (map === undefined) return undefined;
  const result: Record<string, number> = {};
  for (const name of Object.keys(map)) {
    const value = map[name];
    // A ratio is a plain number whatever the resource: read as cpu, it is in thousandths.
    if (typeof value === 'string' || typeof value === 'number') result[name] = resourceAmount('cpu', value);
    else read.wrongType(`${at}.maxLimitRequestRatio[${name}]`, value, 'a quantity');
  }
  return result;
}

export function readPriorityClass(read: FieldReader, raw: RawMap, metadata: ObjectMeta): PriorityClass {
  return present<PriorityClass>({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata,
    value: read.integer(raw, 'value', '') ?? 0,
    globalDefault: read.flag(raw, 'globalDefault', ''),
    preemptionPolicy: read.choice(raw, 'preemptionPolicy', '', ['PreemptLowerPriority', 'Never']) ?? 'PreemptLowerPriority',
    description: read.text(raw, 'description', ''),
  });
}

export function readRuntimeClass(read: FieldReader, raw: RawMap, metadata: ObjectMeta): RuntimeClass {
  const overhead = read.map(raw, 'overhead', '');
  const scheduling = read.map(raw, 'scheduling', '');
  return present<RuntimeClass>({
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata,
    handler: read.text(raw, 'handler', '') ?? '',
    overhead: overhead === undefined ? undefined : present<NonNullable<RuntimeClass['overhead']>>({ podFixed: read.resources(overhead, 'podFixed', 'overhead') }),
    scheduling:
      scheduling === undefined
        ? undefined
        : present<NonNullable<RuntimeClass['scheduling']>>({
            nodeSelector: read.labels(scheduling, 'nodeSelector', 'scheduling'),
            tolerations: readTolerations(read, scheduling, 'scheduling'),
          }),
  });
}

export function readWebhookConfiguration(read: FieldReader, raw: RawMap, metadata: ObjectMeta, kind: WebhookConfiguration['kind']): WebhookConfiguration {
  read.rest(raw, '', CONFIGURATION, NONE);
  const webhooks = read.listOf(raw, 'webhooks', '', (item, at) => readWebhook(read, item, at));
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata, webhooks: webhooks ?? [] };
}

function readWebhook(read: FieldReader, raw: RawMap, at: string): Webhook {
  if (isMap(raw) && raw['matchConditions'] !== undefined) {
    read.wrongType(`${at}.matchConditions`, raw['matchConditions'], 'no matchConditions: CEL is not evaluated here. Narrow the webhook by rules, namespaceSelector or objectSelector instead, or leave the conditions out: it is called for all that match otherwise');
  } else read.rest(raw, at, WEBHOOK, NONE);
  const config = read.map(raw, 'clientConfig', at) ?? {};
  const service = read.map(config, 'service', `${at}.clientConfig`);
  type Service = NonNullable<Webhook['clientConfig']['service']>;
  return present<Webhook>({
    name: read.text(raw, 'name', at) ?? '',
    clientConfig: present<Webhook['clientConfig']>({
      url: read.text(config, 'url', `${at}.clientConfig`),
      service:
        service === undefined
          ? undefined
          : present<Service>({
              namespace: read.text(service, 'namespace', `${at}.clientConfig.service`) ?? '',
              name: read.text(service, 'name', `${at}.clientConfig.service`) ?? '',
              path: read.text(service, 'path', `${at}.clientConfig.service`),
              port: read.integer(service, 'port', `${at}.clientConfig.service`) ?? 443,
            }),
    }),
    rules:
      read.listOf(raw, 'rules', at, (rule, path) => ({
        operations: read.texts(rule, 'operations', path) ?? [],
        apiGroups: read.texts(rule, 'apiGroups', path) ?? [],
        apiVersions: read.texts(rule, 'apiVersions', path) ?? [],
        resources: read.texts(rule, 'resources', path) ?? [],
        scope: (read.choice(rule, 'scope', path, ['Cluster', 'Namespaced', '*']) ?? '*') as WebhookRule['scope'],
      })) ?? [],
    failurePolicy: read.choice(raw, 'failurePolicy', at, ['Ignore', 'Fail']) ?? 'Fail',
    matchPolicy: read.choice(raw, 'matchPolicy', at, ['Exact', 'Equivalent']) ?? 'Equivalent',
    namespaceSelector: readSelector(read, raw, 'namespaceSelector', at) ?? {},
    objectSelector: readSelector(read, raw, 'objectSelector', at) ?? {},
    timeoutSeconds: read.integer(raw, 'timeoutSeconds', at) ?? TIMEOUT_SECONDS,
    reinvocationPolicy: read.choice(raw, 'reinvocationPolicy', at, ['Never', 'IfNeeded']) ?? 'Never',
    sideEffects: read.text(raw, 'sideEffects', at),
    admissionReviewVersions: read.texts(raw, 'admissionReviewVersions', at),
  });
}

export function readRole(read: FieldReader, raw: RawMap, metadata: ObjectMeta, kind: Role['kind']): Role {
  const rules = read.listOf(raw, 'rules', '', (rule, at) =>
    present<NonNullable<Role['rules']>[number]>({
      verbs: read.texts(rule, 'verbs', at) ?? [],
      apiGroups: read.texts(rule, 'apiGroups', at),
      resources: read.texts(rule, 'resources', at),
      resourceNames: read.texts(rule, 'resourceNames', at),
      nonResourceURLs: read.texts(rule, 'nonResourceURLs', at),
    }),
  );
  const aggregation = read.map(raw, 'aggregationRule', '');
  const clusterRoleSelectors =
    aggregation === undefined
      ? undefined
      : read.listOf(aggregation, 'clusterRoleSelectors', 'aggregationRule', (selector, at) => readSelector(read, { selector }, 'selector', at) ?? {});
  return present<Role>({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata,
    rules,
    aggregationRule: clusterRoleSelectors === undefined ? undefined : { clusterRoleSelectors },
  });
}

export function readRoleBinding(read: FieldReader, raw: RawMap, metadata: ObjectMeta, kind: RoleBinding['kind']): RoleBinding {
  const roleRef = read.map(raw, 'roleRef', '') ?? {};
  return present<RoleBinding>({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata,
    subjects: read.listOf(raw, 'subjects', '', (subject, at) =>
      present<Subject>({
        kind: read.choice(subject, 'kind', at, ['User', 'Group', 'ServiceAccount']) ?? 'User',
        name: read.text(subject, 'name', at) ?? '',
        namespace: read.text(subject, 'namespace', at),
      }),
    ),
    roleRef: {
      kind: read.choice(roleRef, 'kind', 'roleRef', ['Role', 'ClusterRole']) ?? 'Role',
      name: read.text(roleRef, 'name', 'roleRef') ?? '',
    },
  });
}
