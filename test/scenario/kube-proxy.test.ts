import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadScenario } from '../../src/scenario/index.js';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'towtank-kube-proxy-'));
});
after(() => rmSync(folder, { recursive: true }));

const base = (kubeProxy: string, manifests = '') => `
cluster:
  nodes: [{ count: 1, template: { apiVersion: v1, kind: Node, metadata: { name: n }, status: { capacity: { cpu: 1, memory: 1Gi, pods: 10 } } } }]
  ${kubeProxy === '' ? '' : `kubeProxy: ${kubeProxy}`}
${manifests}`;

function proxyOf(text: string, files: Record<string, string> = {}) {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const file = join(folder, 'scenario.yaml');
  writeFileSync(file, text);
  return loadScenario(file).cluster.kubeProxy.configuration;
}

const CONFIGURATION = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
ipvs:
  minSyncPeriod: 2s
  syncPeriod: 0s
  scheduler: lc
`;
const CONFIG_MAP = `apiVersion: v1
kind: ConfigMap
metadata: { name: kube-proxy, namespace: kube-system }
data:
  config.conf: |-
    apiVersion: kubeproxy.config.k8s.io/v1alpha1
    kind: KubeProxyConfiguration
    mode: ""
    iptables:
      minSyncPeriod: 0s
      syncPeriod: 0s
`;

test("kube-proxy's configuration: none by default, a file, kubeadm's ConfigMap, or the mode alone", () => {
  assert.equal(proxyOf(base('')), undefined);
  assert.deepEqual(proxyOf(base('{ configuration: proxy.yaml }'), { 'proxy.yaml': CONFIGURATION }), {
    mode: 'ipvs',
    minSyncPeriod: 2e9,
    syncPeriod: 30e9,
    scheduler: 'lc',
  });
  // kubeadm writes an empty mode and periods of 0s: the defaults.
  const map = base('', 'manifests: map.yaml');
  assert.deepEqual(proxyOf(map, { 'map.yaml': CONFIG_MAP }), { mode: 'iptables', minSyncPeriod: 1e9, syncPeriod: 30e9 });
  assert.deepEqual(proxyOf(base('{ configuration: map.yaml }')), { mode: 'iptables', minSyncPeriod: 1e9, syncPeriod: 30e9 });
  assert.deepEqual(proxyOf(base('{ mode: nftables, minSyncPeriod: 5s }')), { mode: 'nftables', minSyncPeriod: 5e9, syncPeriod: 30e9 });
});

test('a configuration that says something else than Kubernetes knows is an error', () => {
  assert.throws(() => proxyOf(base('{ configuration: proxy.yaml }'), { 'proxy.yaml': CONFIGURATION.replace('ipvs\n', 'ebpf\n') }), /expected iptables, ipvs or nftables, found "ebpf"/);
  assert.throws(() => proxyOf(base('{ configuration: proxy.yaml }'), { 'proxy.yaml': CONFIGURATION.replace('lc', 'sh') }), /"sh" is not modelled/);
  assert.throws(() => proxyOf(base('{ configuration: none.yaml }'), { 'none.yaml': 'kind: Pod\napiVersion: v1\n' }), /holds no KubeProxyConfiguration/);
});
