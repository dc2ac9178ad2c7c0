import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decodeBase64, encodeBase64 } from '../../src/api/base64.js';
import type { ConfigMap, Secret, ServiceAccount } from '../../src/api/cluster-kinds.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { formatTimestamp, parseTimestamp } from '../../src/api/timestamps.js';
import { failure } from '../../src/apiserver/call.js';
import type { ApiRequest, ApiResponse } from '../../src/apiserver/request.js';
import { CERTIFICATE, ServiceAccountTokenController, TOKEN } from '../../src/controllers/service-account-tokens.js';
import { LegacyTokenCleaner } from '../../src/controllers/token-cleaner.js';
import { FakeCluster, type FakeOptions, meta } from './fake-cluster.js';

/** Token Secrets, as the real controllers of v1.34.4 treated them (test/data/controllers/PROVENANCE.md). */

interface Json {
  readonly metadata: { readonly name: string; readonly creationTimestamp?: string; readonly deletionTimestamp?: string; readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

interface Action {
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  readonly patch?: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
  readonly uid?: string;
  readonly rv?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[] | null;
}

interface Cleaning {
  readonly now: string;
  readonly period: string;
  readonly since: string | null;
  readonly secrets: readonly Json[];
  readonly accounts: readonly Json[] | null;
  readonly pods: readonly Json[] | null;
  readonly actions: readonly Action[];
}

interface Syncing {
  readonly event: 'secret' | 'secret gone' | 'account gone';
  readonly object: string;
  readonly secrets: readonly Json[];
  readonly accounts: readonly Json[] | null;
  readonly live: readonly string[] | null;
  readonly actions: readonly Action[];
}

const lines = gunzipSync(readFileSync('test/data/controllers/service-account-tokens.jsonl.gz')).toString().split('\n');
const recorded = lines.map((line) => JSON.parse(line) as { readonly cleaner?: Cleaning; readonly tokens?: Syncing });
const HOUR = 3600e9;
const YEAR = 365 * 24 * HOUR;

/** Times as the simulation has them, with the epoch as its beginning. */
function object<T extends KubernetesObject>(kind: string, json: Json, epoch = 0): T {
  const { creationTimestamp, deletionTimestamp, resourceVersion = '1', ...rest } = json.metadata;
  const time = (text: string | undefined): number => (typeof text === 'string' ? (parseTimestamp(text)! - epoch) * 1e6 : 0);
  const metadata = {
    generation: 1,
    namespace: 'default',
    ...rest,
    resourceVersion: Number(resourceVersion),
    creationTimestamp: time(creationTimestamp),
    ...(typeof deletionTimestamp === 'string' ? { deletionTimestamp: time(deletionTimestamp) } : {}),
  };
  return { apiVersion: 'v1', kind, ...json, metadata } as unknown as T;
}

function show(cluster: FakeCluster, resource: string, shown: KubernetesObject, deleted = false): void {
  (cluster.informer(resource) as unknown as { change(object: KubernetesObject, deleted: boolean): void }).change(shown, deleted);
}

function hours(text: string): number {
  return Number(/^(\d+)h/.exec(text)![1]);
}

test('600 looks at unused tokens: what the real cleaner marks and deletes', () => {
  const cases = recorded.flatMap(({ cleaner }) => cleaner ?? []);
  assert.equal(cases.length, 600);
  let writes = 0;
  for (const each of cases) {
    const epoch = parseTimestamp('2020-01-01T00:00:00Z')!;
    const cluster = new FakeCluster({ nodes: 0 });
    const { cluster: spec } = cluster.scenario;
    const controllerManager = { ...spec.controllerManager, legacyServiceAccountTokenCleanUpPeriod: hours(each.period) * HOUR };
    Object.assign(cluster.scenario, { startTime: epoch, cluster: { ...spec, controllerManager } });
    for (const json of each.accounts ?? []) show(cluster, 'serviceaccounts', object('ServiceAccount', json));
    for (const json of each.pods ?? []) {
      const pod = object<KubernetesObject & { spec: object }>('Pod', json);
      const { imagePullSecrets, containers, ...rest } = pod.spec as { imagePullSecrets?: unknown; containers: readonly { envFrom?: unknown }[] };
      const split = containers.map(({ envFrom, ...container }) => ({ ...container, ...(envFrom === undefined ? {} : { extra: { envFrom } }) }));
      show(cluster, 'pods', { ...pod, spec: { ...rest, containers: split, ...(imagePullSecrets === undefined ? {} : { extra: { imagePullSecrets } }) } } as KubernetesObject);
    }
    for (const json of each.secrets) show(cluster, 'secrets', object('Secret', json, epoch));
    const cleaner = new LegacyTokenCleaner(cluster, cluster.client('cleaner'));
    const now = (parseTimestamp(each.now)! - epoch) * 1e6;
    const requests = each.since === null ? [] : cleaner.evaluate(each.since, now);
    const got = requests.map(({ verb, resource, name, patch, preconditions }) => {
      const date = (patch as { readonly date?: string } | undefined)?.date;
      return `${verb} ${resource} ${name} ${date ?? preconditions?.resourceVersion ?? ''}`;
    });
    const real = each.actions
      .filter(({ verb }) => verb !== 'get')
      .map(({ verb, resource, name, patch, rv }) => `${verb} ${resource} ${name} ${patch?.metadata.labels['kubernetes.io/legacy-token-invalid-since'] ?? rv ?? ''}`);
    // The real one goes through its cache in no order.
    assert.deepEqual(got.sort(), real.sort(), JSON.stringify(each));
    writes += real.length;
  }
  assert.ok(writes > 250);
});

/** What a request of the tokens controller would have been recorded as. */
function written({ verb, resource, name, body, preconditions }: ApiRequest): object {
  if (verb === 'delete') return { verb, resource, name, uid: preconditions!.uid };
  if (body?.kind === 'Secret') {
    const { data, metadata } = body as Secret;
    const texts = Object.entries(data!).map(([key, value]) => [key, value === CERTIFICATE ? 'CA Data' : value === TOKEN ? 'ABC' : decodeBase64(value)!]);
    return { verb, resource, name, data: Object.fromEntries(texts) as object, annotations: metadata.annotations };
  }
  if (body?.kind === 'ServiceAccount') return { verb, resource, name, secrets: (body as ServiceAccount).secrets!.map((each) => each.name) };
  return { verb, resource, name };
}

test('900 syncs of tokens and accounts: the requests of the real controller', () => {
  const cases = recorded.flatMap(({ tokens }) => tokens ?? []);
  assert.equal(cases.length, 900);
  for (const each of cases) {
    const cluster = new FakeCluster({ nodes: 0 });
    const stored = new Map<string, KubernetesObject>();
    const secrets = each.secrets.map((json) => {
      // What is not the certificate is left as it is; a recorded one stands for ours.
      const data = Object.fromEntries(Object.entries(json.data ?? {}).map(([key, value]) => [key, value === encodeBase64('CA Data') ? CERTIFICATE : value]));
      return object<Secret>('Secret', { ...json, ...(json.data === undefined ? {} : { data }) });
    });
    const accounts = (each.accounts ?? []).map((json) => object<ServiceAccount>('ServiceAccount', json));
    for (const each of accounts) show(cluster, 'serviceaccounts', each);
    for (const secret of secrets) show(cluster, 'secrets', secret);
    for (const there of each.live ?? []) {
      const [kind, name] = there.split(' ').slice(-2) as [string, string];
      if (kind === 'serviceaccounts') {
        const known = accounts.find(({ metadata }) => metadata.name === name);
        stored.set(`${kind} ${name}`, known ?? ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...meta(name), uid: `sa-${name}` } } as KubernetesObject));
      } else {
        const secret = secrets.find(({ metadata }) => metadata.name === name)!;
        const newer = there.startsWith('newer') ? { ...secret, metadata: { ...secret.metadata, resourceVersion: 8 } } : secret;
        stored.set(`${kind} ${name}`, newer);
      }
    }
    const queued: string[] = [];
    const controller = new ServiceAccountTokenController(cluster, cluster.client('tokens'));
    Object.defineProperty(controller.workers, 'queue', { value: { add: (key: string) => queued.push(key) } });
    const subject = each.event === 'account gone' ? accounts[0]! : secrets[0]!;
    if (each.event === 'secret') controller.secretSeen(subject as Secret);
    else show(cluster, each.event === 'account gone' ? 'serviceaccounts' : 'secrets', subject, true);
    const requests: object[] = [];
    for (const key of queued) {
      const sync = controller.reconcile(key);
      for (let batch = sync?.next([]) ?? null; batch !== null; ) {
        requests.push(...batch.map(written));
        batch = sync!.next(batch.map((request) => answer(request, stored)));
      }
    }
    const real = each.actions.map(({ verb, resource, name, uid, data, annotations, secrets }) => ({
      verb,
      resource,
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(data === undefined ? {} : { data, annotations }),
      ...(verb === 'update' && resource === 'serviceaccounts' ? { secrets: secrets! } : {}),
    }));
    const order = (list: readonly object[]) => (each.event === 'account gone' ? list.map((one) => JSON.stringify(one)).sort() : list);
    assert.deepEqual(order(requests), order(real), JSON.stringify(each));
  }
});

function answer(request: ApiRequest, stored: Map<string, KubernetesObject>): ApiResponse {
  const object = stored.get(`${request.resource} ${request.name}`);
  if (object === undefined) return failure(404, 'not found');
  return { code: 200, object };
}

class Accounts extends FakeCluster {
  constructor(options: FakeOptions = {}) {
    super({ nodes: 0, ...options });
    new ServiceAccountTokenController(this, this.client('tokens-controller'));
    new LegacyTokenCleaner(this, this.client('legacy-service-account-token-cleaner'));
  }

  secret(name: string): Secret {
    return this.get<Secret>('secrets', `default/${name}`)!;
  }
}

const token = (name: string, account: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...meta(name), annotations: { 'kubernetes.io/service-account.name': account } },
  type: 'kubernetes.io/service-account-token',
});
const account = (name: string, secrets: readonly string[] = []): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: meta(name),
  secrets: secrets.map((each) => ({ name: each })) as never,
});

test('a token is filled in, and goes with its account; its name leaves the account with it', () => {
  const cluster = new Accounts();
  cluster.create('serviceaccounts', account('robot', ['old', 'mine']));
  cluster.create('secrets', token('mine', 'robot'));
  cluster.create('secrets', token('old', 'robot'));
  cluster.create('secrets', token('stray', 'nobody'));
  cluster.run(1e9);
  assert.equal(decodeBase64(cluster.secret('mine').data!['namespace']!), 'default');
  assert.equal(cluster.secret('mine').metadata.annotations!['kubernetes.io/service-account.uid'], cluster.get('serviceaccounts', 'default/robot')!.metadata.uid);
  assert.equal(cluster.secret('stray'), undefined);
  cluster.delete('secrets', 'default/old');
  cluster.run(2e9);
  assert.deepEqual(cluster.get<ServiceAccount>('serviceaccounts', 'default/robot')!.secrets!.map(({ name }) => name), ['mine']);
  cluster.delete('serviceaccounts', 'default/robot');
  cluster.run(3e9);
  assert.equal(cluster.secret('mine'), undefined);
});

test('a token that nobody uses is marked after a year of tracking and deleted a year later; those in use and those made by hand stay', () => {
  const cluster = new Accounts();
  cluster.create('serviceaccounts', account('robot', ['auto', 'mounted']));
  for (const name of ['auto', 'mounted', 'by-hand']) cluster.create('secrets', token(name, 'robot'));
  show(cluster, 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta('p'), uid: 'p', resourceVersion: 1 },
    spec: { containers: [], volumes: [{ name: 't', secret: { secretName: 'mounted' } }] },
    status: {},
  } as unknown as KubernetesObject);
  const since: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('kube-apiserver-legacy-service-account-token-tracking', 'kube-system'), data: { since: '2024-12-31' } };
  cluster.create('configmaps', since);
  cluster.run(YEAR + HOUR);
  // Not before the token itself is older than a year.
  assert.equal(cluster.secret('auto').metadata.labels, undefined);
  cluster.run(YEAR + 25 * HOUR);
  const marked = formatTimestamp(cluster.scenario.startTime + (YEAR + 24 * HOUR) / 1e6).slice(0, 10);
  assert.deepEqual(cluster.secret('auto').metadata.labels, { 'kubernetes.io/legacy-token-invalid-since': marked });
  cluster.run(2 * YEAR + 24 * HOUR);
  assert.notEqual(cluster.secret('auto'), undefined);
  cluster.run(2 * YEAR + 73 * HOUR);
  assert.equal(cluster.secret('auto'), undefined);
  assert.deepEqual(cluster.get<ServiceAccount>('serviceaccounts', 'default/robot')!.secrets!.map(({ name }) => name), ['mounted']);
  for (const name of ['mounted', 'by-hand']) assert.equal(cluster.secret(name).metadata.labels, undefined);
});

test('without tokens the cleaner never looks', () => {
  const cluster = new Accounts();
  cluster.create('serviceaccounts', account('robot'));
  cluster.run(30 * 24 * HOUR);
  assert.deepEqual(cluster.audit.filter(({ user }) => user !== 'user'), []);
});
