import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-'));
after(() => rmSync(folder, { recursive: true }));

writeFileSync(
  join(folder, 'web.yaml'),
  `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 60
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: example/web:v1
          ports: [{ containerPort: 80 }]
          readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`,
);

/** Pods without a preStop hook: requests fail until proxies know that a pod goes. */
function scenario(extra: string, traffic = '{ to: service/web, rate: 9000/s, timeout: 1s }') {
  const file = join(folder, 'scenario.yaml');
  writeFileSync(
    file,
    `
duration: 60s
cluster:
  settled: true
  nodes: [{ count: 60, zones: [a, b, c], template: { status: { capacity: { cpu: 4, memory: 16Gi, pods: 110 } } } }]
manifests: [web.yaml]
behaviour:
  - image: "*/web:*"
    start: { lognormal: { median: 3s, sigma: 0.3 } }
    stop: 1s
    size: 10M
    request: { time: { exponential: { mean: 4ms } }, concurrency: 1 }
traffic: [${traffic}]
rollout: { deployment: web, image: "example/web:v2", at: 10s, strategies: [ramped] }
${extra}
`,
  );
  return loadScenario(file);
}

test('a ramped rollout, one pod in five: means and errors within 2 % (or 3 standard errors) of all requests', () => {
  const [all, some] = ['sample: 100%', 'sample: 20%'].map((extra) => {
    const loaded = scenario(extra);
    const run = new ScenarioRun(loaded);
    run.rollOut(loaded.rollout!.strategies[0]!);
    while (run.advance());
    return run.result().summary;
  });
  const exact = all!.metrics;
  const sampled = some!.metrics;
  const { every, simulated, latencyError, errorShareError } = sampled.sampling!;
  assert.equal(every, 5);
  assert.equal(exact.sampling, undefined);
  assert.ok(simulated < 0.24 * exact.requests, `${simulated} of ${exact.requests}`);
  assert.ok(Math.abs(sampled.requests / exact.requests - 1) < 0.005, `${sampled.requests} ${exact.requests}`);
  for (const part of ['before', 'during', 'after'] as const) {
    const ratio = sampled.latency[part].mean! / exact.latency[part].mean!;
    assert.ok(Math.abs(ratio - 1) < 0.02, `mean latency ${part}: ${ratio}`);
  }
  assert.ok(latencyError! > 0 && latencyError! < 0.02);
  assert.ok(exact.errors > 1000, `${exact.errors}`);
  assert.ok(Math.abs(sampled.errorShare! - exact.errorShare!) < 3 * errorShareError!, `${sampled.errors} errors instead of ${exact.errors}, ${errorShareError}`);
  // The control plane is simulated in full: the rollout itself differs only by what pods do in their last moment.
  assert.ok(Math.abs(sampled.rolloutDuration! / exact.rolloutDuration! - 1) < 0.01);
  assert.match(some!.findings.join('\n'), /requests are sampled: \d+ simulated ones, to one pod in 5, stand for \d+; standard error of the mean latency/);
});

test('up to ten million requests are exact; beyond that they are sampled and the answer says so', () => {
  assert.equal(scenario('').sampleEvery, undefined);
  const many = scenario('', '{ to: service/web, rate: 200000/s, timeout: 1s }');
  assert.equal(many.sampleEvery, 3);
  assert.match(many.findings.map(({ message }) => message).join('\n'), /about 12 million requests are expected, more than 10: those to one pod in 3 are simulated/);
  assert.equal(scenario('sample: 100%', '{ to: service/web, rate: 200000/s, timeout: 1s }').sampleEvery, undefined);
  assert.equal(scenario('sample: 10%').sampleEvery, 10);
});

test('where some pods cannot stand for all, a sample is refused, and many requests are simulated one by one', () => {
  const cases = [
    ['balancing: leastConnections', /balancing leastConnections makes pods depend on each other/],
    ['retries: { maximum: 2 }', /retries: a request may go to several pods/],
    ['cancels: true', /cancelled/],
    ['connections: {}', /connections: clients and connections are followed/],
    ['hedge: { after: 10ms }', /hedge/],
  ] as const;
  for (const [key, message] of cases) {
    assert.throws(() => scenario('sample: 10%', `{ to: service/web, rate: 10/s, timeout: 1s, ${key} }`), message);
    const many = scenario('', `{ to: service/web, rate: 200000/s, timeout: 1s, ${key} }`);
    assert.equal(many.sampleEvery, undefined);
    assert.match(many.findings.map((finding) => finding.message).join('\n'), /each is simulated, because/);
  }
  assert.throws(() => scenario('sample: 10%', '{ to: service/web, arrivals: { users: 10 }, timeout: 1s }'), /closed loop/);
  assert.throws(() => scenario('sample: 0%'), /expected a share above 0%/);
});
