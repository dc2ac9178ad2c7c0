import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AttemptExplanation } from '../../src/scheduler/explain.js';
import { towtank } from './towtank.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-explain-'));
const at = (name: string) => join(folder, name);
after(() => rmSync(folder, { recursive: true }));

/** Rows of a CSV file without quotes. */
function rows(path: string): Record<string, string>[] {
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n');
  const names = head!.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, i) => [names[i]!, cell])));
}

before(async () => {
  cpSync(fileURLToPath(new URL('../../../scenarios/scheduler-plugin', import.meta.url)), at('plugin'), { recursive: true });
  appendFileSync(at('plugin/cheapest-node.yaml'), 'seed: 3\n');
  writeFileSync(at('plugin/cheapest-node.yaml'), readFileSync(at('plugin/cheapest-node.yaml'), 'utf8').replace('duration: 2m', 'duration: 40s'));
  const { code } = await towtank('run', at('plugin/cheapest-node.yaml'), '--out', at('out'), '--quiet');
  assert.equal(code, 0);
});

test('the explanation of a pod is that of its recorded attempt, with what each plugin said of each node', async () => {
  const attempt = rows(at('out/scheduler_attempts.csv')).find(({ pod }) => pod!.startsWith('default/batch-'))!;
  const { code, stdout } = await towtank('explain', 'pod', attempt['pod']!, '--from', at('out'), '--json');
  assert.equal(code, 0);
  const explanation = JSON.parse(stdout) as AttemptExplanation;
  assert.equal(explanation.chosen, attempt['node']);
  assert.ok(Math.abs(explanation.time - Number(attempt['time'])) < 0.001);
  assert.ok(explanation.ties.includes(explanation.chosen));
  assert.equal(explanation.scores.length, 9);
  for (const { plugins, total } of explanation.scores) {
    assert.equal(plugins.reduce((sum, { weighted }) => sum + weighted, 0), total);
    const own = plugins.find(({ plugin }) => plugin === 'CheapestNode')!;
    assert.equal(own.weighted, own.normalized * 10);
    assert.ok(own.raw === 5800 || own.raw === 19200);
  }
});

test('a pod of the warm start: nodes that were turned down, by plugin and reason; the table names the ties', async () => {
  const pod = rows(at('out/pods.csv')).find(({ name }) => name!.startsWith('payments-'))!;
  const { code, stdout } = await towtank('explain', 'pod', pod['name']!, '--from', at('out'));
  assert.equal(code, 0);
  assert.match(stdout, /^attempt 1, during the warm start\n/);
  assert.match(stdout, /6 {2}CheapestNode: spot node\(s\) take no critical pods \(spot-0, /);
  assert.match(stdout, new RegExp(`default/payments-\\S+: ${pod['node']!}`));
});

test('the output alone is enough: the scenario may have changed meanwhile', async () => {
  const pod = rows(at('out/pods.csv'))[0]!;
  const first = await towtank('explain', 'pod', pod['name']!, '--from', at('out'), '--json');
  cpSync(at('plugin'), at('kept'), { recursive: true });
  rmSync(at('plugin'), { recursive: true });
  const again = await towtank('explain', 'pod', pod['name']!, '--from', at('out'), '--json');
  assert.equal(again.code, 0);
  assert.equal(again.stdout, first.stdout);
  cpSync(at('kept'), at('plugin'), { recursive: true });
});

test('what is asked for in vain is said: pods, attempts, runs, folders', async () => {
  const pod = rows(at('out/pods.csv'))[0]!['name']!;
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['default/nobody', '--from', at('out')], /no pod is named default\/nobody/],
    [[`${pod}x`, '--from', at('out')], new RegExp(`did you mean "default/${pod}"`)],
    [[pod, '--from', at('out'), '--attempt', '9'], /--attempt 9: attempts to place default\/\S+ in this run: 1/],
    [[pod, '--from', at('out'), '--run', 'canary'], /holds no run "canary"/],
  ];
  for (const [args, expected] of cases) {
    const { code, stderr } = await towtank('explain', 'pod', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, expected);
  }
  assert.equal((await towtank('explain', 'pod', pod, '--from', folder)).code, 1);
});

test('inputs that were touched after the run are noticed', async () => {
  cpSync(at('out'), at('touched'), { recursive: true });
  const file = at('touched/inputs/files/workload.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('replicas: 4', 'replicas: 5'));
  const pod = rows(at('out/pods.csv'))[0]!['name']!;
  const { code, stderr } = await towtank('explain', 'pod', pod, '--from', at('touched'));
  assert.equal(code, 2);
  assert.match(stderr, /the copies of the inputs are not what the results were made of/);
});

test('a comparison of variants: each run has its own explanation', async () => {
  const base = readFileSync(at('plugin/cheapest-node.yaml'), 'utf8').replace('duration: 40s', 'duration: 35s');
  writeFileSync(at('plugin/variants.yaml'), `${base}variants:\n- { name: plain, cluster: { scheduler: { configuration: plain.yaml } } }\n- { name: cheap }\n`);
  writeFileSync(
    at('plugin/plain.yaml'),
    'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n',
  );
  const made = await towtank('compare', at('plugin/variants.yaml'), '--out', at('two'), '--quiet');
  assert.equal(made.code, 0, made.stderr);
  const pluginsOf = async (run: string) => {
    const pod = rows(at(`two/${run}.pods.csv`)).find(({ name }) => name!.startsWith('batch-'))!['name']!;
    const { code, stdout, stderr } = await towtank('explain', 'pod', pod, '--from', at('two'), '--run', run, '--json');
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as AttemptExplanation).scores[0]!.plugins.map(({ plugin }) => plugin);
  };
  assert.ok((await pluginsOf('cheap')).includes('CheapestNode'));
  assert.ok(!(await pluginsOf('plain')).includes('CheapestNode'));
});

test('towtank schedule takes plugins and everything else that plugins read', async () => {
  const nodes = `${['a', 'b'].map((zone) => `apiVersion: v1\nkind: Node\nmetadata: { name: ${zone}, labels: { zone: ${zone}, topology.kubernetes.io/zone: ${zone}, example.com/price-per-hour: "1" } }\nstatus: { allocatable: { cpu: "4", memory: 8Gi, pods: "110" }, capacity: { cpu: "4", memory: 8Gi, pods: "110" } }\n`).join('---\n')}`;
  const volume =
    'apiVersion: v1\nkind: PersistentVolume\nmetadata: { name: v, labels: { topology.kubernetes.io/zone: b } }\nspec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteOnce], hostPath: { path: /x } }\n---\n' +
    'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: c, annotations: { pv.kubernetes.io/bind-completed: "yes" } }\nspec: { volumeName: v, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }\n';
  const pod = (name: string, more: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { ${more}containers: [{ name: c, image: "web:1" }], volumes: [{ name: d, persistentVolumeClaim: { claimName: c } }] }\n`;
  writeFileSync(at('nodes.yaml'), nodes);
  writeFileSync(at('pods.yaml'), [volume, pod('in-b', ''), pod('nowhere', 'nodeSelector: { zone: a }, '), pod('foreign', 'schedulerName: other, ')].join('---\n'));
  const { code, stdout } = await towtank('schedule', '--nodes', at('nodes.yaml'), '--pods', at('pods.yaml'), '--plugin', `CheapestNode=${at('plugin/cheapest-node.ts')}`, '--explain', 'in-b');
  assert.equal(code, 1);
  assert.match(stdout, /default\/in-b: b, the only node that fits/);
  assert.match(stdout, /1 {2}VolumeZone: node\(s\) had no available volume zone \(a\)/);
  assert.match(stdout, /default\/nowhere pending: 0\/2 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector, 1 node\(s\) had no available volume zone/);
  assert.match(stdout, /default\/foreign pending: no profile is named other \(there is: default-scheduler\)/);
});
