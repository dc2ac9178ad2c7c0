import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../../src/api/manifest.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { infoOfKind } from '../../src/api/resources.js';
import type { AdmissionView } from '../../src/apiserver/admission/attributes.js';
import { WebhookServers } from '../../src/apiserver/admission/webhook-calls.js';
import { authorize, forbidden, isTrusted, userOf } from '../../src/apiserver/authorization/rbac.js';
import type { ApiRequest } from '../../src/apiserver/request.js';
import { RestClient } from '../../src/client/rest-client.js';
import { Answers, setUp } from '../client/harness.js';

const group = 'rbac.authorization.k8s.io';

function manifest(kind: string, name: string, namespace: string, rest: Record<string, unknown>): KubernetesObject {
  const metadata = namespace === '' ? { name } : { name, namespace };
  const { object, errors } = readManifest({ apiVersion: `${group}/v1`, kind, metadata, ...rest });
  assert.deepEqual(errors, []);
  return object;
}

function view(...objects: KubernetesObject[]): AdmissionView {
  const of = (resource: string) => objects.filter(({ apiVersion, kind }) => infoOfKind(apiVersion, kind)!.resource === resource);
  return {
    get: (resource, key) => of(resource).find(({ metadata: { namespace, name } }) => (namespace === '' ? name : `${namespace}/${name}`) === key),
    in: (resource, namespace) => of(resource).filter(({ metadata }) => metadata.namespace === namespace),
    version: () => 0,
  };
}

const binding = (kind: string, name: string, namespace: string, role: string, subjects: readonly Record<string, string>[]) =>
  manifest(kind, name, namespace, { subjects, roleRef: { apiGroup: group, kind: role.split('/')[0], name: role.split('/')[1] } });
const alice = { kind: 'User', name: 'alice', apiGroup: group };

function request(verb: ApiRequest['verb'], resource: string, namespace: string, name = '', subresource?: ApiRequest['subresource']): ApiRequest {
  return { verb, resource, namespace, name, ...(subresource === undefined ? {} : { subresource }) };
}

test('roles allow by verb, group, resource, subresource and name, within their namespace', () => {
  const reader = manifest('Role', 'reader', 'shop', {
    rules: [
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] },
      { verbs: ['update'], apiGroups: ['apps'], resources: ['deployments/scale'], resourceNames: ['web'] },
    ],
  });
  const state = view(reader, binding('RoleBinding', 'b', 'shop', 'Role/reader', [alice]));
  const allowed = (each: ApiRequest, user = 'alice') => authorize(each, userOf(user), state).allowed;
  assert.equal(allowed(request('get', 'pods', 'shop', 'a')), true);
  assert.equal(allowed(request('get', 'pods', 'other', 'a')), false);
  assert.equal(allowed(request('list', 'pods', '')), false);
  assert.equal(allowed(request('delete', 'pods', 'shop', 'a')), false);
  assert.equal(allowed(request('get', 'services', 'shop', 'a')), false);
  assert.equal(allowed(request('get', 'pods', 'shop', 'a'), 'bob'), false);
  assert.equal(allowed(request('update', 'deployments', 'shop', 'web', 'scale')), true);
  assert.equal(allowed(request('update', 'deployments', 'shop', 'web')), false);
  assert.equal(allowed(request('update', 'deployments', 'shop', 'api', 'scale')), false);
});

test('cluster roles: everywhere by a ClusterRoleBinding, in one namespace by a RoleBinding; groups, accounts, aggregation, built-in roles', () => {
  const state = view(
    binding('ClusterRoleBinding', 'ops', '', 'ClusterRole/cluster-admin', [{ kind: 'Group', name: 'ops', apiGroup: group }]),
    binding('RoleBinding', 'dev', 'shop', 'ClusterRole/edit', [alice]),
    binding('RoleBinding', 'bot', 'shop', 'ClusterRole/view', [{ kind: 'ServiceAccount', name: 'bot', namespace: 'ci' }]),
    manifest('ClusterRole', 'parts', '', { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['nodes'] }] }),
    manifest('ClusterRole', 'sum', '', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { sum: 'yes' } }] }, rules: [] }),
    { ...manifest('ClusterRole', 'part', '', { rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*/status'] }] }), metadata: { ...manifest('ClusterRole', 'part', '', {}).metadata, labels: { sum: 'yes' } } },
    binding('ClusterRoleBinding', 'sums', '', 'ClusterRole/sum', [{ kind: 'User', name: 'carol', apiGroup: group }]),
  );
  const allowed = (user: string, groups: readonly string[], each: ApiRequest) => authorize(each, userOf(user, groups), state).allowed;
  assert.equal(allowed('zoe', ['ops'], request('delete', 'nodes', '', 'n')), true);
  assert.equal(allowed('alice', [], request('patch', 'deployments', 'shop', 'web')), true);
  assert.equal(allowed('alice', [], request('patch', 'deployments', 'default', 'web')), false);
  assert.equal(allowed('alice', [], request('create', 'resourcequotas', 'shop')), false, 'edit does not set quotas');
  assert.equal(allowed('system:serviceaccount:ci:bot', [], request('list', 'deployments', 'shop')), true);
  assert.equal(allowed('system:serviceaccount:ci:bot', [], request('list', 'secrets', 'shop')), false, 'view shows no secrets');
  assert.equal(allowed('carol', [], request('update', 'pods', 'any', 'p', 'status')), true);
  assert.equal(allowed('carol', [], request('update', 'pods', 'any', 'p')), false);
  assert.deepEqual(userOf('system:serviceaccount:ci:bot').groups, ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated']);
  assert.deepEqual(['system:kube-scheduler', 'system:node:n', 'kubernetes-admin', 'alice', 'system:anonymous', 'system:serviceaccount:ci:bot'].map(isTrusted), [true, true, true, false, false, false]);
});

test('refusals in the words of the server', () => {
  const lost = view(binding('RoleBinding', 'b', 'shop', 'Role/gone', [alice]));
  const { allowed, reason } = authorize(request('get', 'pods', 'shop', 'a'), userOf('alice'), lost);
  assert.deepEqual([allowed, reason], [false, 'RBAC: role.rbac.authorization.k8s.io "gone" not found']);
  const said = (each: ApiRequest, why = '') => forbidden(each, 'alice', why).message;
  assert.equal(said(request('list', 'pods', 'shop')), 'pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "shop"');
  assert.equal(said(request('delete', 'nodes', '', 'n')), 'nodes "n" is forbidden: User "alice" cannot delete resource "nodes" in API group "" at the cluster scope');
  assert.equal(
    said(request('patch', 'deployments', 'shop', 'web', 'scale'), reason),
    'deployments.apps "web" is forbidden: User "alice" cannot patch resource "deployments/scale" in API group "apps" in the namespace "shop": RBAC: role.rbac.authorization.k8s.io "gone" not found',
  );
});

test('a server answers 403 to whom nothing is allowed, before anything is read or written', () => {
  const { simulation, connections, clientHost, client, etcd } = setUp(1, new WebhookServers([], { kind: 'constant', value: 0 }));
  const admin = new RestClient(simulation, connections, 'kubernetes-admin', clientHost, 0, 0, 0);
  const user = new RestClient(simulation, connections, 'alice', clientHost, 0, 0, 0);
  const ask = (by: RestClient, object: KubernetesObject) => {
    const answers = new Answers();
    const { resource } = infoOfKind(object.apiVersion, object.kind)!;
    const { namespace, name } = object.metadata;
    by.request({ verb: 'create', resource, namespace, name, body: object }, answers, 0);
    simulation.run(simulation.now + 1e9);
    return answers.list[0]!;
  };
  assert.ok(client.user !== 'alice');
  const shop = readManifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }).object;
  const config = readManifest({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'shop' } }).object;
  assert.equal(ask(admin, shop).code, 201);
  const { revision } = etcd;
  const refused = ask(user, config);
  assert.deepEqual([refused.code, refused.reason, refused.message], [403, 'Forbidden', 'configmaps is forbidden: User "alice" cannot create resource "configmaps" in API group "" in the namespace "shop"']);
  assert.equal(etcd.revision, revision);
  assert.equal(ask(admin, binding('RoleBinding', 'b', 'shop', 'ClusterRole/edit', [alice])).code, 201);
  assert.equal(ask(user, config).code, 201);
});
