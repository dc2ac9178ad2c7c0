import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mean } from '../../src/random/distribution.js';
import { isScenarioFile, loadScenario, scenarioJsonSchema, validateFile } from '../../src/scenario/index.js';

const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
const MS = 1e6;
const S = 1e9;

describe('loadScenario', () => {
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-'));
    cpSync(scenarios, folder, { recursive: true });
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  function load(text: string, name = 'case.yaml') {
    const path = join(folder, name);
    writeFileSync(path, text);
    return loadScenario(path);
  }

  const base = `
cluster:
  nodes: [{ count: 7, zones: [a, b, c], template: nodes/4cpu-16gi.yaml }]
manifests: hello/hello.yaml
behaviour: [{ image: "nginx:*" }]
`;

  it('reads the main scenario', () => {
    const scenario = loadScenario(join(scenarios, 'strategies.yaml'));
    assert.equal(scenario.name, 'strategies');
    assert.equal(scenario.kubernetesVersion, '1.34');
    assert.equal(scenario.seed, '1');
    assert.equal(scenario.startTime, 1735689600000);
    assert.equal(scenario.cluster.nodes.length, 1000);
    assert.deepEqual(scenario.cluster.etcd.zones, ['a', 'b', 'c']);
    assert.equal(scenario.objects.filter((object) => object.kind === 'Deployment').length, 13);
    assert.deepEqual(
      scenario.rollout?.strategies.map((strategy) => strategy.kind),
      ['recreate', 'ramped', 'blueGreen', 'canary'],
    );
    assert.equal(scenario.rollout?.container, 'server');
    assert.deepEqual(scenario.findings, []);
    assert.equal(scenario.profile.etcd.fsync.kind, 'lognormal');
  });

  it('gives the same whatever folder it is run from', () => {
    const cwd = process.cwd();
    const here = loadScenario(join(scenarios, 'strategies.yaml'));
    process.chdir(scenarios);
    try {
      assert.deepEqual(loadScenario('strategies.yaml'), here);
    } finally {
      process.chdir(cwd);
    }
  });

  it('deals nodes over zones, with names, labels, addresses and pod networks', () => {
    const { nodes } = load(base).cluster;
    assert.deepEqual(
      nodes.map((node) => node.metadata.labels?.['topology.kubernetes.io/zone']),
      ['a', 'b', 'c', 'a', 'b', 'c', 'a'],
    );
    const [, second] = nodes;
    assert.equal(second!.metadata.name, 'node-1');
    assert.equal(second!.metadata.labels?.['kubernetes.io/hostname'], 'node-1');
    assert.equal(second!.metadata.labels?.['kubernetes.io/arch'], 'amd64');
    assert.equal(second!.spec.podCIDR, '10.0.1.0/24');
    assert.deepEqual(second!.status.addresses, [
      { type: 'InternalIP', address: '172.16.0.2' },
      { type: 'Hostname', address: 'node-1' },
    ]);
    assert.deepEqual(second!.status.allocatable, {
      cpu: 3920,
      memory: 14 * 2 ** 30,
      'ephemeral-storage': 90 * 2 ** 30,
      pods: 110,
    });
  });

  it('takes inline templates, several groups and dumps of nodes', () => {
    writeFileSync(
      join(folder, 'nodes.json'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          {
            apiVersion: 'v1',
            kind: 'Node',
            metadata: { name: 'real-1', labels: { 'topology.kubernetes.io/zone': 'eu-1' }, managedFields: [] },
            spec: { podCIDR: '10.9.0.0/24', podCIDRs: ['10.9.0.0/24'] },
            status: {
              capacity: { cpu: '8', memory: '32Gi', pods: '250' },
              allocatable: { cpu: '7910m', memory: '30Gi', pods: '250' },
            },
          },
        ],
      }),
    );
    const { nodes } = load(`
cluster:
  nodes:
    - { count: 2, template: { status: { capacity: { cpu: 2, memory: 8Gi } } } }
    - { count: 1, name: big, zones: [z], template: { metadata: { labels: { disk: ssd } }, status: { capacity: { cpu: "16", memory: 64Gi } } } }
    - { dump: nodes.json }
`).cluster;
    assert.deepEqual(
      nodes.map((node) => node.metadata.name),
      ['node-0', 'node-1', 'big-0', 'real-1'],
    );
    assert.equal(nodes[0]!.status.allocatable.pods, 110);
    assert.equal(nodes[2]!.metadata.labels?.disk, 'ssd');
    assert.equal(nodes[3]!.spec.podCIDR, '10.9.0.0/24');
    assert.equal(nodes[3]!.metadata.labels?.['topology.kubernetes.io/zone'], 'eu-1');
    assert.equal(nodes[3]!.status.allocatable.cpu, 7910);
  });

  it('fills in the defaults of the real components', () => {
    const { cluster } = load(base);
    assert.deepEqual(cluster.etcd, {
      members: 3,
      heartbeatInterval: 100 * MS,
      electionTimeout: 1 * S,
      quotaBackendBytes: 2 ** 31,
      snapshotCount: 10000,
      zones: ['a', 'b', 'c'],
    });
    assert.deepEqual(cluster.controllerManager, { qps: 20, burst: 30 });
    assert.deepEqual(cluster.scheduler, { qps: 50, burst: 100, percentageOfNodesToScore: 0, parallelism: 16 });
    assert.deepEqual(cluster.kubeProxy, { minSyncPeriod: 1 * S, extraDelay: 0 });
  });

  it('reads behaviours with units', () => {
    const [behaviour] = load(`${base.replace(/behaviour.*\n/, '')}
behaviour:
  - image: "nginx:*"
    start: { lognormal: { median: 3s, sigma: 0.4 }, max: 20s }
    stop: 2s
    drains: true
    size: 30M
    exit: { after: { uniform: { low: 1m, high: 1h30m } }, code: 3 }
    request: { time: { exponential: { mean: 1.5ms } }, concurrency: 2, queue: 7, errors: 0.5% }
`).behaviours;
    assert.deepEqual(behaviour, {
      image: 'nginx:*',
      startup: { kind: 'lognormal', median: 3 * S, sigma: 0.4, maximum: 20 * S },
      shutdown: { kind: 'constant', value: 2 * S },
      servesWhileDraining: true,
      imageBytes: 30_000_000,
      neverReady: false,
      crash: { after: { kind: 'uniform', low: 60 * S, high: 5400 * S }, exitCode: 3 },
      request: { time: { kind: 'exponential', mean: 1.5 * MS }, concurrency: 2, queue: 7, errors: 0.005 },
    });
  });

  it('reads traffic, timeline and objectives in base units', () => {
    const scenario = load(`${base}
duration: 1h
traffic:
  - { to: hello, rate: 90/m, from: 10s, until: 20m, timeout: 250ms }
timeline:
  - { at: 5m, fail: { zone: b } }
  - { at: 1m, scale: { deployment: hello, replicas: 5 } }
  - { at: 5m, heal: { zone: b } }
  - { at: 6m, delete: { object: deploy/hello } }
  - { at: 7m, apply: hello/hello.yaml }
  - { at: 8m, setImage: { deployment: hello, image: "nginx:2" } }
objectives: [errors <= 1%, "latency p99.9 < 250ms", rollout duration < 8m, "availability >= 0.8", surge < 5000]
`);
    assert.deepEqual(scenario.traffic, [
      { service: { namespace: 'default', name: 'hello' }, rate: 1.5, start: 10 * S, end: 1200 * S, timeout: 250 * MS },
    ]);
    assert.deepEqual(
      scenario.timeline.map(({ at, action, position }) => [at / S, action, position]),
      [
        [60, 'scale', 'case.yaml:12:5'],
        [300, 'fail', 'case.yaml:11:5'],
        [300, 'heal', 'case.yaml:13:5'],
        [360, 'delete', 'case.yaml:14:5'],
        [420, 'apply', 'case.yaml:15:5'],
        [480, 'setImage', 'case.yaml:16:5'],
      ],
    );
    assert.deepEqual(
      scenario.objectives.map(({ metric, quantile, comparison, limit }) => [metric, quantile, comparison, limit]),
      [
        ['errors', undefined, '<=', 0.01],
        ['latency', 0.9990000000000001, '<', 250 * MS],
        ['rolloutDuration', undefined, '<', 480 * S],
        ['availability', undefined, '>=', 0.8],
        ['surge', undefined, '<', 5000],
      ],
    );
  });

  it('takes strategies by name or with parameters; ramped is as the Deployment says unless told', () => {
    const { rollout } = load(`${base}
rollout:
  deployment: hello
  image: nginx:2
  at: 1m
  strategies:
    - recreate
    - ramped
    - { name: careful, ramped: { maxSurge: 1, maxUnavailable: 0 } }
    - { blueGreen: { hold: 1m } }
    - { canary: { steps: [{ weight: 10, pause: 30s }] } }
`);
    assert.deepEqual(rollout!.strategies, [
      { name: 'recreate', kind: 'recreate' },
      { name: 'ramped', kind: 'ramped', maxSurge: '25%', maxUnavailable: '25%' },
      { name: 'careful', kind: 'ramped', maxSurge: 1, maxUnavailable: 0 },
      { name: 'blueGreen', kind: 'blueGreen', hold: 60 * S },
      { name: 'canary', kind: 'canary', steps: [{ weight: 10, pause: 30 * S }] },
    ]);
  });

  it('lays costs of the scenario over a profile, and those over a disk class', () => {
    const plain = load(base).profile;
    const hdd = load(base.replace('cluster:', 'cluster:\n  etcd: { disk: hdd }')).profile;
    assert.deepEqual(hdd.etcd.fsync, {
      kind: 'lognormal',
      median: 9 * MS,
      sigma: 0.5,
      stall: { probability: 0.001, factor: 5 },
    });
    assert.equal(mean(hdd.etcd.backendCommit), 2 * mean(hdd.etcd.fsync));
    assert.deepEqual({ ...hdd, etcd: plain.etcd }, plain);
    const own = load(
      `profile: { etcd: { fsync: 3ms }, apiServer: { requestCpu: { create pods: 5ms } } }${base.replace('cluster:', 'cluster:\n  etcd: { disk: hdd }')}`,
    ).profile;
    assert.deepEqual(own.etcd.fsync, { kind: 'constant', value: 3 * MS });
    assert.deepEqual(own.etcd.backendCommit, hdd.etcd.backendCommit);
    assert.deepEqual(own.apiServer.requestCpu['create pods'], { kind: 'constant', value: 5 * MS });
    assert.deepEqual(own.apiServer.requestCpu.default, plain.apiServer.requestCpu.default);
    writeFileSync(join(folder, 'slow.yaml'), 'extends: default\nkubelet: { sandbox: 9s, execProbe: 80ms }\n');
    const file = load(`profile: slow.yaml${base}`).profile;
    assert.equal(file.name, 'slow');
    assert.deepEqual([file.kubelet.sandbox, file.kubelet.execProbe], [{ kind: 'constant', value: 9 * S }, { kind: 'constant', value: 80 * MS }]);
  });

  it('keeps what the API server would refuse in the timeline, where it is a failed request of the run', () => {
    writeFileSync(
      join(folder, 'refused.yaml'),
      'apiVersion: v1\nkind: Service\nmetadata: { name: Bad }\nspec: { ports: [{ port: 80 }] }\n',
    );
    const { timeline } = load(`${base}timeline: [{ at: 1m, apply: refused.yaml }]\n`);
    assert.equal(timeline[0]!.action === 'apply' && timeline[0]!.objects[0]!.metadata.name, 'Bad');
  });

  it('tells what is no error but worth knowing', () => {
    writeFileSync(
      join(folder, 'loose.yaml'),
      'apiVersion: v1\nkind: Service\nmetadata: { name: loose }\nspec:\n  selector: { app: hallo }\n  ports: [{ port: 80 }]\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: { name: db }\nspec: { selector: { matchLabels: { app: db } }, template: { metadata: { labels: { app: db } }, spec: { containers: [{ name: db, image: "nginx:9" }] } } }\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: closed }\nspec: { podSelector: {} }\n---\napiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: { selector: { app: db }, ports: [{ port: 1 }] }\n',
    );
    const { findings } = load(
      base
        .replace('hello/hello.yaml', '[hello/hello.yaml, loose.yaml, hello/hello.yaml]')
        .replace('"nginx:*" }', '"nginx:*" }, { image: "php:*" }'),
    );
    assert.deepEqual(
      findings.map(({ message, position }) => `${position}: ${message}`),
      [
        'loose.yaml:14:7: kind NetworkPolicy (networking.k8s.io/v1) is not modelled: 1 object left out (closed)',
        'hello/hello.yaml:5:9: Deployment "hello" is given twice; the last one holds',
        'hello/hello.yaml:34:9: Service "hello" is given twice; the last one holds',
        'loose.yaml:5:13: Service "loose" selects nothing: no pod template in namespace default has the labels app=hallo; the nearest are app=hello',
        'case.yaml:5:44: the behaviour of "php:*" matches no image of this scenario',
      ],
    );
  });

  it('tells which pods will wait for ConfigMaps, Secrets and claims that nothing makes', () => {
    writeFileSync(
      join(folder, 'needy.yaml'),
      `apiVersion: batch/v1
kind: CronJob
metadata: { name: report }
spec:
  schedule: "0 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              image: "nginx:9"
              env:
                - { name: PASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }
                - { name: MAYBE, valueFrom: { secretKeyRef: { name: none, key: x, optional: true } } }
              envFrom:
                - configMapRef: { name: later }
                - configMapRef: { name: setings }
          volumes:
            - name: settings
              configMap: { name: settings }
            - name: data
              persistentVolumeClaim: { claimName: data }
            - name: api
              projected: { sources: [{ configMap: { name: kube-root-ca.crt } }, { secret: { name: db } }, { secret: { name: tls } }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
`,
    );
    writeFileSync(join(folder, 'later.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: later }\n');
    const { findings } = load(`${base.replace('hello/hello.yaml', '[hello/hello.yaml, needy.yaml]')}timeline: [{ at: 10s, apply: later.yaml }]\n`);
    const text = (kind: string, name: string, reason: string, hint = '') =>
      `CronJob "report" names ${kind} "${name}", which neither a manifest nor the timeline makes in namespace default: its pods will wait: ${reason}${hint}`;
    assert.deepEqual(
      findings.map(({ message, position }) => `${position}: ${message}`),
      [
        `needy.yaml:24:51: ${text('PersistentVolumeClaim', 'data', 'Pending (unschedulable)')}`,
        `needy.yaml:26:99: ${text('Secret', 'db', 'ContainerCreating (FailedMount)')}`,
        `needy.yaml:26:125: ${text('Secret', 'tls', 'ContainerCreating (FailedMount)')}`,
        `needy.yaml:19:41: ${text('ConfigMap', 'setings', 'CreateContainerConfigError', '; did you mean "settings"?')}`,
      ],
    );
  });

  it('tells which claims will wait for a class that is not there', () => {
    const claim = (name: string, spec: string) => `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
    const given = 'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: { name: fast }\nprovisioner: csi.example.com\n---\n';
    const byHand = 'apiVersion: v1\nkind: PersistentVolume\nmetadata: { name: v }\nspec: { storageClassName: manual, capacity: { storage: 1Gi } }\n---\n';
    const size = 'resources: { requests: { storage: 1Gi } }';
    const text = [
      given,
      byHand,
      claim('plain', `{ ${size} }`),
      claim('typo', `{ storageClassName: fats, ${size} }`),
      claim('good', `{ storageClassName: fast, ${size} }`),
      claim('manual', `{ storageClassName: manual, ${size} }`),
    ].join('');
    writeFileSync(join(folder, 'claims.yaml'), text);
    const { findings } = load(base.replace('hello/hello.yaml', '[hello/hello.yaml, claims.yaml]'));
    assert.deepEqual(
      findings.map(({ message }) => message),
      [
        'PersistentVolumeClaim "default/plain" will wait: no PersistentVolume suits, and there is no StorageClass marked as the default one among the manifests',
        'PersistentVolumeClaim "default/typo" will wait: StorageClass "fats" is not among the manifests; did you mean "fast"?',
      ],
    );
  });

  it('warns of an even number of etcd members, and of nodes among the manifests', () => {
    writeFileSync(join(folder, 'stray.yaml'), 'apiVersion: v1\nkind: Node\nmetadata:\n  name: stray\n');
    const scenario = load(
      base
        .replace('cluster:', 'cluster:\n  etcd: { members: 4 }')
        .replace('hello/hello.yaml', '[hello/hello.yaml, stray.yaml]'),
    );
    assert.deepEqual(
      scenario.findings.map(({ message, position }) => `${position}: ${message}`),
      [
        'case.yaml:3:20: etcd has 4 members: an even number survives no more failures than 3',
        'stray.yaml:4:9: 1 Node object among the manifests left out: give nodes under cluster.nodes, with "dump: FILE"',
      ],
    );
    assert.equal(
      scenario.objects.some((object) => object.kind === 'Node'),
      false,
    );
    assert.equal(scenario.cluster.etcd.zones.length, 4);
  });

  it('reads the longest delay of restarts, of all kubelets and of groups of nodes; 1.34 warns of it, by line', () => {
    const period = (text: string) => `crashLoopBackOff: { maxContainerRestartPeriod: ${text} }`;
    const text = (version: string, kubelet: string) =>
      `kubernetesVersion: "${version}"${base
        .replace('cluster:', `cluster:\n  kubelet: { ${kubelet} }`)
        .replace('count: 7,', `count: 1, name: quick, kubelet: { ${period('5s')} }, template: nodes/4cpu-16gi.yaml }, { count: 6,`)}`;
    const read = (version: string, kubelet: string) => {
      const { cluster, findings } = load(text(version, kubelet));
      return [cluster.kubelet?.maxRestartPeriod, cluster.machines?.['quick-0']?.maxRestartPeriod, findings.map(({ position }) => `${position}`)];
    };
    assert.deepEqual(read('1.35', period('60s')), [60 * S, 5 * S, []]);
    assert.deepEqual(read('1.34', period('60s')), [300 * S, undefined, ['case.yaml:4:94', 'case.yaml:3:61']]);
    assert.deepEqual(read('1.34', `${period('60s')}, featureGates: { KubeletCrashLoopBackOffMax: true }`), [60 * S, 5 * S, []]);
    assert.throws(() => load(text('1.36', period('301s'))), /case\.yaml:3:\d+: maxContainerRestartPeriod must be 1s to 300s, found 301s/);
  });

  it('replaces seed and version when asked', () => {
    writeFileSync(join(folder, 'case.yaml'), base);
    const scenario = loadScenario(join(folder, 'case.yaml'), { seed: '7', kubernetesVersion: '1.36' });
    assert.equal(scenario.seed, '7');
    assert.equal(scenario.kubernetesVersion, '1.36');
  });

  it('tells scenarios from manifests', () => {
    assert.equal(isScenarioFile(join(scenarios, 'strategies.yaml')), true);
    assert.equal(isScenarioFile(join(scenarios, 'hello/hello.yaml')), false);
    assert.equal(isScenarioFile(scenarios), false);
    assert.deepEqual(validateFile(join(scenarios, 'online-boutique')), []);
  });
});

describe('scenarioJsonSchema', () => {
  it('describes every field', () => {
    const bare: string[] = [];
    const walk = (schema: Record<string, unknown>, path: string): void => {
      for (const [key, each] of Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>)) {
        if (each.description === undefined) bare.push(`${path}.${key}`);
        walk(each, `${path}.${key}`);
      }
      for (const key of ['items', 'additionalProperties'] as const) {
        if (typeof schema[key] === 'object') walk(schema[key] as Record<string, unknown>, `${path}[]`);
      }
      for (const each of (schema.anyOf ?? []) as Record<string, unknown>[]) walk(each, path);
    };
    walk(scenarioJsonSchema(), '');
    assert.deepEqual(bare, []);
  });

  it('refuses unknown keys, as the loader does', () => {
    const schema = scenarioJsonSchema() as {
      additionalProperties: boolean;
      required?: string[];
      properties: Record<string, { pattern?: string }>;
    };
    assert.equal(schema.additionalProperties, false);
    // A cluster is required but beside the workloads of scheduler_perf, which JSON Schema is not told.
    assert.equal(schema.required, undefined);
    assert.match('1h30m', new RegExp(schema.properties.duration!.pattern!));
  });
});
