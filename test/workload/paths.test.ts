import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/kernel/time.js';
import type { LookupSpec } from '../../src/scenario/types.js';
import { behaviour } from './harness.js';
import { DNS, NODE_LOCAL, PathBench, RTT, SERVICE_TIME, UPSTREAM } from './paths-harness.js';

const MS = 1e6;
const constant = (value: number) => ({ kind: 'constant', value }) as const;
const lookup = (name: string, ndots = 5): LookupSpec => ({ name, namespace: 'default', ndots, timeout: 5 * SECOND, attempts: 2 });
/** A whole step of a look-up: A and AAAA one after the other at the one server, in the other node of the zone. */
const STEP = RTT.sameZone + 0.2 * MS;

function near(actual: number, expected: number, what: string, share = 0.02): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${what}: ${actual} instead of ${expected}`);
}

/** A name server on node 1, clients on node 0 that call a server outside. */
function outside(traffic: object, dns = DNS): PathBench {
  const bench = new PathBench({ traffic: { service: { namespace: '', name: 'api.example.com' }, host: 'api.example.com', client: { namespace: 'default', selector: { app: 'shop' } }, ...traffic }, dns });
  bench.pod(0, 'registry.example/web:v1', { app: 'shop' });
  bench.tell('kube-dns', [bench.pod(1, 'registry.example/dns:v1', { app: 'dns' })], {}, 'kube-system');
  return bench;
}

test('ndots 5: eight queries for a name outside, in four steps; the last one is forwarded until the cache has it', () => {
  const bench = outside({ lookup: lookup('api.example.com') });
  bench.start();
  bench.run(10.05);
  const { metrics } = bench.workload.dns!;
  assert.deepEqual([metrics.lookups, metrics.queries, metrics.served, metrics.forwarded], [100, 800, 800, 2]);
  near(metrics.duration.quantile(0.5), 4 * STEP, 'cached');
  near(metrics.duration.maximum, 4 * STEP + UPSTREAM, 'the first one');
  near(bench.latency().most, (4 * STEP + UPSTREAM + RTT.external) / MS, 'latency');
  assert.equal(bench.totals().errors, 0);
});

test('ndots 1 and a final dot: two queries; NodeLocal DNSCache keeps what does not exist for 5 s, and asks outside by itself', () => {
  for (const spec of [lookup('api.example.com', 1), lookup('api.example.com.')]) {
    const bench = outside({ lookup: spec });
    bench.start();
    bench.run(10.05);
    assert.equal(bench.workload.dns!.metrics.queries, 200);
    near(bench.workload.dns!.metrics.duration.quantile(0.5), STEP, 'one step');
  }
  const local = outside({ lookup: lookup('api.example.com') }, { ...DNS, nodeLocal: true });
  local.start();
  local.run(10.05);
  const { metrics } = local.workload.dns!;
  // Three absent names every 5 s from one node, twice in 10 s; nothing is forwarded by CoreDNS.
  assert.deepEqual([metrics.queries, metrics.served, metrics.forwarded], [800, 12, 0]);
  near(metrics.duration.quantile(0.5), 4 * NODE_LOCAL, 'all from the cache of the node');
});

test('an outage of the DNS: two tries of 5 s, then no address; without endpoints the resolver is told at once', () => {
  const bench = outside({ lookup: lookup('api.example.com') });
  bench.workload.dns!.down = true;
  bench.start();
  bench.run(20.05);
  const { metrics } = bench.workload.dns!;
  assert.equal(metrics.duration.maximum, 10 * SECOND);
  assert.equal(bench.totals().byCause['name-resolution'], 100);
  bench.workload.dns!.down = false;
  bench.tell('kube-dns', [], {}, 'kube-system');
  bench.run(40.05);
  const late = bench.totals(35, 40);
  assert.equal(late.errors, late.requests);
  const resolved = bench.totals(22, 31);
  assert.ok(resolved.requests > 0);
});

test('a Service is found by its name in the first step, by the name of its namespace in the second', () => {
  for (const [name, steps] of [
    ['web', 1],
    ['web.default', 2],
    ['web.default.svc', 3],
    ['web.default.svc.cluster.local.', 1],
  ] as const) {
    const bench = new PathBench({ traffic: { client: { namespace: 'default', selector: { app: 'shop' } }, lookup: lookup(name) }, dns: DNS });
    bench.pod(0, 'registry.example/web:v1', { app: 'shop' });
    bench.tell('kube-dns', [bench.pod(1, 'registry.example/dns:v1', { app: 'dns' })], {}, 'kube-system');
    bench.tell('web', [bench.pod(1)]);
    bench.start();
    bench.run(5.05);
    assert.equal(bench.workload.dns!.metrics.queries, 50 * 2 * steps);
    // Clients inside have no way to the edge of the cluster.
    near(bench.latency().most, (steps * STEP + RTT.sameZone + SERVICE_TIME) / MS, name);
  }
});

test('a headless Service: clients connect to the pods that the records name, ready ones only', () => {
  const bench = new PathBench({ traffic: { via: 'clusterIP', clients: 4, lookup: lookup('web') }, dns: DNS });
  bench.tell('kube-dns', [bench.pod(1, 'registry.example/dns:v1', { app: 'dns' })], {}, 'kube-system');
  const [a, b] = [bench.pod(0, 'registry.example/web:v1'), bench.pod(1, 'registry.example/web:v2')];
  bench.tell('web', [a, b], { clusterIP: 'None' });
  bench.start();
  bench.run(20);
  const versions = (from: number, to: number) => ['v1', 'v2'].map((version) => bench.workload.totals(from * SECOND, to * SECOND, version).requests);
  const [first, second] = versions(0, 20) as [number, number];
  assert.ok(first > 70 && second > 70, `${first} and ${second}`);
  bench.tell('web', [a], { clusterIP: 'None' });
  bench.run(30);
  assert.equal(versions(21, 30)[1], 0);
});

/** Requests from 10 s on, when a pod of a headless Service goes and its process ends at once: when it was last asked for, and how many failed. */
function afterLoss(lookupOptions: Partial<LookupSpec>, dns = DNS) {
  const bench = new PathBench({ traffic: { via: 'clusterIP', clients: 2, lookup: { ...lookup('web'), ...lookupOptions } }, dns, rate: 50 });
  bench.tell('kube-dns', [bench.pod(1, 'registry.example/dns:v1', { app: 'dns' })], {}, 'kube-system');
  const [a, b] = [bench.pod(0, 'registry.example/web:v1'), bench.pod(1, 'registry.example/web:v2')];
  bench.tell('web', [a, b], { clusterIP: 'None' });
  bench.start();
  // Answers are from 0 or 0.02 s, and again from 30 s on.
  bench.run(40);
  bench.tell('web', [a], { clusterIP: 'None' });
  bench.workload.pods.podStoppedListening(b, true);
  bench.run(100);
  const failures = bench.workload.failures(0, 100 * SECOND);
  return { failed: bench.totals(0, 100).errors, late: bench.totals(62, 100).errors, failures, bench };
}

test('a headless Service: who keeps answers for their TTL goes on to a pod that is gone until they are over', () => {
  // Nobody keeps anything: plugin cache leaves the cluster's names alone, as kubeadm's Corefile says.
  assert.ok(afterLoss({}).failed <= 1);
  for (const stale of [afterLoss({ keep: 30 * SECOND }), afterLoss({}, { ...DNS, clusterCached: true }), afterLoss({}, { ...DNS, nodeLocal: true })]) {
    // From 40 s to 60 s, half of 50 requests a second.
    assert.ok(stale.failed > 0.4 * 1000 && stale.failed < 0.6 * 1020, `${stale.failed} failed`);
    assert.equal(stale.late, 0);
    assert.ok(stale.failures.find(({ mechanism }) => mechanism === 'stale-record')!.errors > 0.9 * stale.failed);
  }
  // Plugin kubernetes says 5 s by default, which bounds all caches.
  const short = afterLoss({}, { ...DNS, clusterCached: true, nodeLocal: true, ttl: 5 * SECOND });
  assert.ok(short.failed <= 0.6 * 50 * 10, `${short.failed} failed`);
  assert.equal(short.bench.totals(51, 100).errors, 0);
});

test('clients that keep names for 30 s look them up twice a minute', () => {
  const { bench } = afterLoss({ keep: 30 * SECOND });
  // Two clients, 100 s.
  assert.equal(bench.workload.dns!.metrics.lookups, 2 * 4);
});

test('an Ingress whose controller runs in pods: a hop more, each pod reloads by itself, and one that ends is refused until proxies know it', () => {
  const controller = { namespace: 'ingress-nginx', name: 'controller' };
  const target = { namespace: 'default', name: 'shop', host: 'shop.example', path: '/', controller };
  const bench = new PathBench({ traffic: { ingress: target, timeout: 10 * SECOND }, rate: 100, nodes: 3 });
  const [one, two] = [bench.pod(0, 'registry.example/web:nginx', { app: 'nginx' }), bench.pod(1, 'registry.example/web:nginx', { app: 'nginx' })];
  bench.tell('web', [bench.pod(2)]);
  bench.tell('controller', [one, two], {}, 'ingress-nginx');
  const meta = { name: 'shop', namespace: 'default', uid: 'shop', resourceVersion: 1, generation: 1, creationTimestamp: 0 };
  const rules = { rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web' } } }] } }] };
  bench.ingress({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: meta, spec: rules } as never);
  for (const node of [0, 1]) bench.workload.setNodeReady(node, false);
  bench.start();
  bench.run(5);
  // Both reload for 1 s at their start; the stream counts from second 0.
  assert.equal(bench.totals(0, 1).byCause['no-route'], bench.totals(0, 1).requests);
  assert.equal(bench.totals(2, 5).errors, 0);
  // Node 2, a controller on node 0 or 1, the pod on node 2.
  near(bench.totals(2, 5).latency.quantile(0.5) * 1000, (RTT.external + 2 * RTT.sameZone + SERVICE_TIME) / MS, 'latency');
  bench.run(10);
  bench.workload.pods.podStoppedListening({ ...one, metadata: { ...one.metadata, deletionTimestamp: 10 * SECOND } }, false);
  bench.run(12);
  const half = bench.totals(10, 12);
  assert.ok(half.errors > 0.35 * half.requests && half.errors < 0.65 * half.requests, `${half.errors} of ${half.requests}`);
  assert.equal(bench.workload.failures(10 * SECOND, 12 * SECOND)[0]!.mechanism, 'terminating-pod');
  bench.tell('controller', [two], {}, 'ingress-nginx');
  bench.run(20);
  assert.equal(bench.totals(14, 20).errors, 0);
  // A pod that starts is asked before its first reload: 404 from it for a second.
  const three = bench.pod(0, 'registry.example/web:nginx', { app: 'nginx' });
  bench.tell('controller', [three], {}, 'ingress-nginx');
  bench.run(30);
  const fresh = bench.totals(20, 30);
  assert.ok((fresh.byCause['no-route'] ?? 0) > 70 && fresh.errors <= 101, `${fresh.errors}`);
  assert.equal(bench.totals(22, 30).errors, 0);
  // Without any pod of the controller nobody is served.
  bench.tell('controller', [], {}, 'ingress-nginx');
  bench.run(40);
  assert.equal(bench.totals(32, 40).byCause['no-endpoint'], bench.totals(32, 40).requests);
});

/** Slowest of ten seconds of requests of 10 MB, answers or uploads, to pods on nodes `places` of 5; users enter at nodes `entries`. */
function bulk(what: 'answer' | 'upload', rate: number, places: readonly number[], entries: readonly number[], traffic: object = {}): number {
  const bench = new PathBench({ traffic, rate, nodes: 5, image: { request: { ...behaviour(constant(SERVICE_TIME), { concurrency: 1000 }).request, [what]: 10e6 } } });
  bench.tell('web', places.map((node) => bench.pod(node)));
  for (const node of [0, 1, 2, 3, 4]) if (!entries.includes(node)) bench.workload.setNodeReady(node, false);
  bench.start();
  bench.run(10);
  return bench.latency().most;
}

test('answers and uploads share the links of machines: 10 MB take 10 ms of 1 GB/s, and what is more than a link waits', () => {
  const least = RTT.external + RTT.sameZone + SERVICE_TIME;
  for (const what of ['answer', 'upload'] as const) {
    near(bulk(what, 10, [0], [3, 4]), (least + 10 * MS) / MS, `${what} alone`);
    // 150 a second of 100. Answers: of 10 s of arrivals the last one waits for 500 of 10 ms. Uploads: of those there after 10 s the last
    // one came after 6.7 s and waited for 333. On two machines, entered at two, nobody waits long.
    const full = (least + 10 * MS + (what === 'answer' ? 500 : 1000 / 3) * 10 * MS) / MS;
    near(bulk(what, 150, [0], [3, 4]), full, `${what} overloaded`, 0.1);
    near(bulk(what, 150, [0, 0], [3, 4]), full, `${what}, two pods of one machine`, 0.1);
    assert.ok(bulk(what, 150, [0, 1], [3, 4]) < 500);
    // One entry node relays all: its link is the bottleneck now.
    near(bulk(what, 150, [0, 1], [3]), full, `${what} through one node`, 0.1);
  }
});

/** As `bulk`, through an Ingress whose controller has pods on nodes `controllers`; users enter at node 2. */
function bulkThroughController(what: 'answer' | 'upload', rate: number, places: readonly number[], controllers: readonly number[], traffic: object = {}): number {
  const controller = { namespace: 'ingress-nginx', name: 'controller' };
  const ingress = { namespace: 'default', name: 'shop', host: 'shop.example', path: '/', controller };
  const image = { request: { ...behaviour(constant(SERVICE_TIME), { concurrency: 1000 }).request, [what]: 10e6 } };
  const bench = new PathBench({ traffic: { ingress, ...traffic }, rate, nodes: 5, image });
  bench.tell('controller', controllers.map((node) => bench.pod(node, 'registry.example/web:nginx', { app: 'nginx' })), {}, 'ingress-nginx');
  bench.tell('web', places.map((node) => bench.pod(node)));
  const rules = { rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web' } } }] } }] };
  const metadata = { name: 'shop', namespace: 'default', uid: 'shop', resourceVersion: 1, generation: 1, creationTimestamp: 0 };
  bench.ingress({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, spec: rules } as never);
  for (const node of [0, 1, 3, 4]) bench.workload.setNodeReady(node, false);
  bench.start();
  bench.run(10);
  return bench.latency().most;
}

test('through the pods of an ingress controller: uploads are there as a whole before they go on, and the entry node relays them and answers', () => {
  const least = RTT.external + 2 * RTT.sameZone + SERVICE_TIME;
  // Entered at node 2, the controller on node 1, the pod on node 0: the controller has 10 MB after 10 ms, and the pod 10 ms later.
  near(bulkThroughController('upload', 10, [0], [1]), (least + 20 * MS) / MS, 'an upload alone');
  near(bulkThroughController('answer', 10, [0], [1]), (least + 10 * MS) / MS, 'an answer alone');
  // The controller on the entry node: no way between them; pod and controller on one machine: nor there.
  near(bulkThroughController('upload', 10, [0], [2]), (least - RTT.sameZone + 20 * MS + RTT.sameHost) / MS, 'controller on the entry node');
  near(bulkThroughController('upload', 10, [1], [1]), (least - RTT.sameZone + 10 * MS + RTT.sameHost) / MS, 'controller beside the pod');
  // 150 a second of 100 that the entry node can relay, whoever takes them then. The first second has no route, as controllers reload. Answers:
  // of 9 s of arrivals the last one waits for 450; uploads: of those there after 10 s the last one came after 7 s and waited for 300.
  near(bulkThroughController('answer', 150, [0, 3], [1, 4]), (least + 10 * MS + 450 * 10 * MS) / MS, 'answers through one node', 0.1);
  near(bulkThroughController('upload', 150, [0, 3], [1, 4]), (least + 20 * MS + 300 * 10 * MS) / MS, 'uploads through one node', 0.1);
  // A client inside is on the machine that it enters at: uploads leave it, answers end there.
  const inside = { via: 'clusterIP', clients: 1 };
  assert.ok(bulkThroughController('answer', 120, [2, 4], [1, 3], inside) < 500);
  assert.ok(bulkThroughController('upload', 120, [2, 4], [1, 3], inside) > 1000);
});

test('uploads of clients inside take the links between two machines, none within one', () => {
  const inside = { via: 'clusterIP', clients: 5 };
  // Of clients on each of 5 nodes those on the pod's own send nothing over a link.
  const four = bulk('upload', 100, [0], [0, 1, 2, 3, 4], inside);
  near(four, (RTT.sameZone + SERVICE_TIME + 10 * MS) / MS, 'a link that is not full', 0.5);
  // Four fifths of 200 a second: of those there after 10 s the last one came after 6.25 s.
  near(bulk('upload', 200, [0], [0, 1, 2, 3, 4], inside), 3750 + (RTT.sameZone + SERVICE_TIME + 10 * MS) / MS, 'a link that is full', 0.1);
});

test('connections: a round trip of handshake for each, or for the first of those that are kept; TLS one more', () => {
  const once = RTT.external + RTT.sameZone;
  const latencies = (traffic: object) => {
    const bench = new PathBench({ traffic: { clients: 1, ...traffic }, nodes: 2 });
    bench.tell('web', [bench.pod(1)]);
    bench.workload.setNodeReady(1, false);
    bench.start();
    bench.run(10.5);
    return bench.latency();
  };
  // Entry at node 0, the pod on node 1.
  near(latencies({}).most, (once + SERVICE_TIME) / MS, 'connections for nothing');
  near(latencies({ connections: { keepAlive: 0, handshakes: 1 } }).least, (2 * once + SERVICE_TIME) / MS, 'each its own');
  const kept = latencies({ connections: { keepAlive: 90 * SECOND, handshakes: 2 } });
  near(kept.least, (once + SERVICE_TIME) / MS, 'kept');
  near(kept.most, (3 * once + SERVICE_TIME) / MS, 'the first, with TLS');
});

test('a kept connection goes on to a pod that leaves the endpoints, until the pod closes it; new connections do not', () => {
  const make = (connections: object) => {
    const bench = new PathBench({ traffic: { clients: 10, ...connections }, rate: 100, image: { servesWhileDraining: true } });
    const [old, fresh] = [bench.pod(0, 'registry.example/web:v1'), bench.pod(1, 'registry.example/web:v2')];
    bench.tell('web', [old]);
    bench.start();
    bench.run(10);
    bench.tell('web', [fresh]);
    bench.run(20);
    const share = (from: number, to: number) => bench.workload.totals(from * SECOND, to * SECOND, 'v1').requests / bench.totals(from, to).requests;
    return { bench, old, share };
  };
  assert.equal(make({}).share(12, 20), 0);
  const { bench, old, share } = make({ connections: { keepAlive: 90 * SECOND, handshakes: 1 } });
  assert.ok(share(12, 20) > 0.9, `${share(12, 20)}`);
  // The process ends gracefully: connections are closed, nothing fails.
  bench.workload.pods.podStoppedListening(old, false);
  bench.run(22);
  bench.workload.pods.podStoppedListening(old, true);
  bench.run(30);
  assert.equal(share(23, 30), 0);
  assert.ok(bench.totals(20, 30).errors <= 1, `${bench.totals(20, 30).errors} errors`);
  // Of limited age they move by themselves.
  const aged = make({ connections: { keepAlive: 90 * SECOND, maximumAge: 5 * SECOND, handshakes: 1 } });
  assert.equal(aged.share(16, 20), 0);
});

test('session affinity: a client keeps its endpoint, and another one only after the timeout', () => {
  const bench = new PathBench({ traffic: { clients: 1 }, nodes: 1, rate: 20 });
  const pods = ['v1', 'v2', 'v3', 'v4'].map((version) => bench.pod(0, `registry.example/web:${version}`));
  const spec = { sessionAffinity: 'ClientIP' as const, extra: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } } };
  bench.tell('web', pods, spec);
  bench.start();
  bench.run(100);
  const used = () => ['v1', 'v2', 'v3', 'v4'].filter((version) => bench.workload.totals(0, 1e6 * SECOND, version).requests > 0);
  assert.equal(used().length, 1);
  const gone = used()[0]!;
  bench.tell('web', pods.filter((pod) => !pod.spec.containers[0]!.image.endsWith(gone)), spec);
  bench.run(150);
  assert.equal(used().length, 2);
  // Seldom enough to be forgotten in between: any endpoint.
  const rare = new PathBench({ traffic: { clients: 1 }, nodes: 1, rate: 0.01 });
  rare.tell('web', ['v1', 'v2'].map((version) => rare.pod(0, `registry.example/web:${version}`)), spec);
  rare.start();
  rare.run(4000);
  assert.ok(['v1', 'v2'].every((version) => rare.workload.totals(0, 1e6 * SECOND, version).requests > 5));
});

test('a load balancer under policy Local: sends to nodes with endpoints, and a node without one until enough checks have failed', () => {
  const healthCheck = { interval: 10 * SECOND, healthy: 2, unhealthy: 3 };
  const bench = new PathBench({ traffic: { via: 'loadBalancer', healthCheck, timeout: 5 * SECOND }, nodes: 4, rate: 100 });
  const [a, b] = [bench.pod(0), bench.pod(1)];
  const spec = { type: 'LoadBalancer' as const, externalTrafficPolicy: 'Local' as const };
  bench.tell('web', [a, b], spec);
  bench.start();
  bench.run(20);
  assert.equal(bench.totals().errors, 0);
  // One hop less: the pod is on the node that the connection reaches.
  near(bench.latency().most, (RTT.external + RTT.sameHost + SERVICE_TIME) / MS, 'latency');
  bench.tell('web', [a], spec);
  bench.run(60);
  // Node 1 is checked in its place in the interval: found out between 20 and 30 s later; until then half of the connections are lost.
  const lost = bench.totals(0, 80).byCause['no-endpoint'] ?? 0;
  assert.ok(lost > 0.45 * 2000 && lost < 0.55 * 3000, `${lost} lost`);
  assert.equal(bench.totals(54, 60).errors, 0);
});

test('a load balancer under policy Cluster leaves a dead node after its checks; a node port of all nodes never does', () => {
  const healthCheck = { interval: 10 * SECOND, healthy: 2, unhealthy: 2 };
  const run = (traffic: object) => {
    const bench = new PathBench({ traffic: { timeout: SECOND, ...traffic }, nodes: 4, rate: 100 });
    bench.tell('web', [bench.pod(0)], { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' });
    bench.start();
    bench.network.setUp(bench.hosts[3]!, false);
    bench.run(60);
    return (from: number, to: number) => bench.totals(from, to).errors / bench.totals(from, to).requests;
  };
  const balanced = run({ via: 'loadBalancer', healthCheck });
  assert.ok(balanced(2, 9) > 0.2 && balanced(2, 9) < 0.3, `${balanced(2, 9)}`);
  assert.equal(balanced(25, 60), 0);
  const port = run({ via: 'nodePort' });
  assert.ok(port(25, 60) > 0.2 && port(25, 60) < 0.3, `${port(25, 60)}`);
});

test('an Ingress: its rules after the reload, a canary by weight, 404 without a rule', () => {
  const meta = (name: string, annotations: Record<string, string> = {}) => ({ name, namespace: 'default', uid: name, resourceVersion: 1, generation: 1, creationTimestamp: 0, annotations });
  const rules = (service: string) => ({ rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: service } } }] } }] });
  const bench = new PathBench({ traffic: { ingress: { namespace: 'default', name: 'shop', host: 'shop.example', path: '/cart' } }, rate: 200 });
  bench.tell('web', [bench.pod(0, 'registry.example/web:v1')]);
  bench.tell('web-new', [bench.pod(1, 'registry.example/web:v2')]);
  bench.start();
  bench.run(5);
  assert.equal(bench.totals().byCause['no-route'], bench.totals().requests);
  bench.ingress({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: meta('shop'), spec: rules('web') } as never);
  bench.run(10);
  // Reload: 1 s.
  assert.equal(bench.totals(0, 6).byCause['no-route'], bench.totals(0, 6).requests);
  assert.equal(bench.totals(7, 10).errors, 0);
  const annotations = { 'nginx.ingress.kubernetes.io/canary': 'true', 'nginx.ingress.kubernetes.io/canary-weight': '20' };
  bench.ingress({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: meta('shop-canary', annotations), spec: rules('web-new') } as never);
  bench.run(40);
  const share = bench.workload.totals(15 * SECOND, 40 * SECOND, 'v2').requests / bench.totals(15, 40).requests;
  // 5,000 requests: three standard errors are 1.7 %.
  assert.ok(Math.abs(share - 0.2) < 0.017, `${share}`);
  assert.equal(bench.workload.ingress!.reloads, 2);
});

test('an Ingress with mirror-target: the other Service gets a copy of every request, its answers nobody', () => {
  const meta = (annotations: Record<string, string>) => ({ name: 'shop', namespace: 'default', uid: 'shop', resourceVersion: 1, generation: 1, creationTimestamp: 0, annotations });
  const rules = { rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web' } } }] } }] };
  const bench = new PathBench({ traffic: { ingress: { namespace: 'default', name: 'shop', host: 'shop.example', path: '/cart' } }, rate: 200 });
  bench.tell('web', [bench.pod(0, 'registry.example/web:v1')]);
  bench.tell('web-canary', [bench.pod(1, 'registry.example/web:v2')]);
  bench.ingress({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: meta({ 'nginx.ingress.kubernetes.io/mirror-target': 'http://web-canary.default.svc.cluster.local$request_uri' }), spec: rules } as never);
  bench.start();
  bench.run(20);
  assert.equal(bench.workload.totals(5 * SECOND, 20 * SECOND, 'v2').requests, 0);
  const users = bench.totals(5, 20).requests;
  const { mirrored } = bench.workload.traffic[0]!;
  assert.equal(users, 3000);
  assert.equal(mirrored.totals(5 * SECOND, 20 * SECOND, 'v2').requests, users);
  bench.ingress({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: meta({ 'nginx.ingress.kubernetes.io/mirror-target': 'https://test.example.com$request_uri' }), spec: rules } as never);
  bench.run(40);
  assert.equal(mirrored.totals(30 * SECOND, 40 * SECOND).requests, 0, 'copies that leave the cluster');
});

test('A/B: a client that is known keeps its version, however often it asks', () => {
  const share = (clients: number): number => {
    const bench = new PathBench({ traffic: { via: 'clusterIP', clients, cohort: 0.3 }, rate: 500 });
    bench.tell('web', [bench.pod(0, 'registry.example/web:v1')]);
    bench.tell('web-canary', [bench.pod(1, 'registry.example/web:v2')]);
    bench.workload.splits.set('default/web', { backends: [{ service: 'default/web', weight: 100 }], match: 'default/web-canary' });
    bench.start();
    bench.run(20);
    return bench.workload.totals(5 * SECOND, 20 * SECOND, 'v2').requests / bench.totals(5, 20).requests;
  };
  assert.ok([0, 1].includes(share(1)), 'one client is of the cohort or is not');
  // A share of 1,000 clients: five standard errors.
  assert.ok(Math.abs(share(1000) - 0.3) < 5 * Math.sqrt((0.3 * 0.7) / 1000));
});
