import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadScenario } from '../../src/scenario/index.js';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'towtank-paths-'));
});
after(() => rmSync(folder, { recursive: true }));

const DNS = 'apiVersion: v1\nkind: Service\nmetadata: { name: kube-dns, namespace: kube-system }\nspec: { ports: [{ port: 53 }] }\n---\n';
const MANIFESTS = `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      dnsConfig: { options: [{ name: ndots, value: "2" }, { name: timeout, value: "1" }] }
      containers: [{ name: shop, image: shop:v1 }]
---
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: { service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval: "30" }
spec: { type: LoadBalancer, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: plain }
spec: { ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: elsewhere }
spec: { type: ExternalName, externalName: db.example.com }
---
apiVersion: v1
kind: Service
metadata: { name: alias }
spec: { type: ExternalName, externalName: web.default.svc.cluster.local }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec: { rules: [{ host: shop.example, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }
`;

function trafficOf(traffic: string, dns = true) {
  writeFileSync(join(folder, 'all.yaml'), `${dns ? DNS : ''}${MANIFESTS}`);
  const file = join(folder, 'scenario.yaml');
  writeFileSync(
    file,
    `cluster:
  nodes: [{ count: 1, template: { apiVersion: v1, kind: Node, metadata: { name: n }, status: { capacity: { cpu: 1, memory: 1Gi, pods: 10 } } } }]
manifests: all.yaml
behaviour: [{ image: "*" }]
traffic: [{ rate: 1/s, ${traffic} }]
`,
  );
  const { service: _, rate: _rate, start: _start, timeout: _timeout, ...rest } = loadScenario(file).traffic[0]!;
  return rest;
}

test('where traffic goes and from where', () => {
  assert.deepEqual(trafficOf('to: service/web'), {});
  assert.deepEqual(trafficOf('to: service/web, via: loadBalancer'), { via: 'loadBalancer', healthCheck: { interval: 30e9, healthy: 2, unhealthy: 6 } });
  assert.deepEqual(trafficOf('to: ingress/shop, path: /cart'), { ingress: { namespace: 'default', name: 'shop', host: 'shop.example', path: '/cart' } });
  const client = { namespace: 'default', selector: { app: 'shop' } };
  // Options of the pods' own dnsConfig; the others are the resolver's defaults.
  const lookup = { name: 'api.example.com', namespace: 'default', ndots: 2, timeout: 1e9, attempts: 2 };
  assert.deepEqual(trafficOf('to: host/api.example.com, client: deployment/shop'), { host: 'api.example.com', client, lookup });
  assert.deepEqual(trafficOf('to: host/api.example.com', false), { host: 'api.example.com' });
  assert.deepEqual(trafficOf('to: service/web, via: clusterIP, name: web').lookup, { ...lookup, name: 'web', ndots: 5, timeout: 5e9 });
  // ExternalName: a server outside, or another Service.
  assert.deepEqual(trafficOf('to: service/elsewhere'), { host: 'db.example.com' });
  assert.deepEqual(trafficOf('to: service/alias'), {});
  assert.deepEqual(trafficOf('to: service/web, connections: { tls: true, maximumAge: 5m }').connections, { keepAlive: 90e9, maximumAge: 300e9, handshakes: 2 });
});

function targetOf(fail: string, dns = true) {
  writeFileSync(join(folder, 'all.yaml'), `${dns ? DNS : ''}${MANIFESTS}`);
  const file = join(folder, 'scenario.yaml');
  const node = '{ apiVersion: v1, kind: Node, metadata: { name: n }, status: { capacity: { cpu: 1, memory: 1Gi, pods: 10 } } }';
  writeFileSync(file, `cluster: { nodes: [{ count: 4, zones: [a, b], template: ${node} }] }\nmanifests: all.yaml\nbehaviour: [{ image: "*" }]\ntimeline: [{ at: 1s, fail: ${fail} }]\n`);
  const [action] = loadScenario(file).timeline;
  return action?.action === 'fail' ? action.target : undefined;
}

test('faults of the network: the DNS, links one way, partitions between zones', () => {
  assert.deepEqual(targetOf('{ dns: true }'), { kind: 'dns' });
  assert.deepEqual(targetOf('{ partition: { from: a, to: b } }'), { kind: 'partition', from: 'a', to: 'b', oneWay: false });
  assert.deepEqual(targetOf('{ link: { from: node-0, to: node-1, oneWay: true } }'), { kind: 'link', from: 'node-0', to: 'node-1', oneWay: true });
  assert.throws(() => targetOf('{ partition: { from: a, to: x } }'), /no zone is named x/);
  assert.throws(() => targetOf('{ dns: true }', false), /no Service kube-system\/kube-dns/);
});

test('what cannot be is an error', () => {
  assert.throws(() => trafficOf('to: service/plain, via: nodePort'), /has no node port: its type is ClusterIP/);
  assert.throws(() => trafficOf('to: service/plain, via: loadBalancer'), /has no load balancer/);
  assert.throws(() => trafficOf('to: service/web, name: web'), /only for clients inside/);
  assert.throws(() => trafficOf('to: service/web, via: clusterIP, name: web', false), /no Service kube-system\/kube-dns/);
  assert.throws(() => trafficOf('to: ingress/shopp'), /did you mean shop/);
  assert.throws(() => trafficOf('to: service/web, path: /x'), /expected only with ingress/);
});
