import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterSearch, nameKind, searchNames } from '../../src/network/dns-names.js';
import { readCorefile } from '../../src/scenario/dns.js';

const search = clusterSearch('shop', 'cluster.local');

test("a pod's resolver walks through three domains before a name with fewer than five dots", () => {
  assert.deepEqual(searchNames('api.example.com', { ndots: 5, search }), [
    'api.example.com.shop.svc.cluster.local',
    'api.example.com.svc.cluster.local',
    'api.example.com.cluster.local',
    'api.example.com',
  ]);
  assert.equal(searchNames('web', { ndots: 5, search })[0], 'web.shop.svc.cluster.local');
  assert.equal(searchNames('web.other', { ndots: 5, search })[1], 'web.other.svc.cluster.local');
  // With enough dots, or a final one, the name itself comes first, or alone.
  assert.equal(searchNames('api.example.com', { ndots: 1, search })[0], 'api.example.com');
  assert.equal(searchNames('a.b.c.d.e.f', { ndots: 5, search })[0], 'a.b.c.d.e.f');
  assert.deepEqual(searchNames('api.example.com.', { ndots: 5, search }), ['api.example.com']);
});

test("names of the cluster's domain are Services, or nothing; all others are outside", () => {
  assert.deepEqual(nameKind('web.shop.svc.cluster.local', 'cluster.local'), { kind: 'service', namespace: 'shop', name: 'web' });
  assert.deepEqual(nameKind('web-0.web.shop.svc.cluster.local', 'cluster.local'), { kind: 'service', namespace: 'shop', name: 'web' });
  for (const name of ['api.example.com.shop.svc.cluster.local', 'api.example.com.cluster.local', 'cluster.local']) assert.deepEqual(nameKind(name, 'cluster.local'), { kind: 'absent' });
  assert.deepEqual(nameKind('notcluster.local', 'cluster.local'), { kind: 'external' });
});

test("a Corefile: kubeadm's, and plugins with other values", () => {
  const kubeadm = '.:53 {\n    kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n       ttl 30\n    }\n    forward . /etc/resolv.conf\n    cache 30\n}\n';
  assert.deepEqual(readCorefile(kubeadm), { clusterCached: true, domain: 'cluster.local', ttl: 30e9, success: 30e9, denial: 30e9, autopath: false });
  // A cache that leaves the cluster's own names alone, as newer Corefiles of kubeadm have it.
  const disabled = kubeadm.replace('cache 30', 'cache 30 {\n       disable success cluster.local\n       disable denial cluster.local\n    }');
  assert.deepEqual(readCorefile(disabled), { domain: 'cluster.local', ttl: 30e9, success: 30e9, denial: 30e9, autopath: false });
  const other = '.:53 {\n  autopath @kubernetes\n  kubernetes k8s.example {\n    pods verified\n  }\n  cache {\n    success 9984 20\n    denial 9984 5\n  }\n}\n';
  assert.deepEqual(readCorefile(other), { clusterCached: true, domain: 'k8s.example', ttl: 5e9, success: 20e9, denial: 5e9, autopath: true });
  assert.deepEqual(readCorefile('.:53 {\n  kubernetes cluster.local\n}'), { domain: 'cluster.local', ttl: 5e9, success: 0, denial: 0, autopath: false });
});
