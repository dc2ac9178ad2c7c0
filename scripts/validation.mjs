// Replays recordings of the real components and writes what came out to docs/validation.md.
//   node scripts/validation.mjs DIRECTORY    with raft/, scheduler/, scheduler-1.36/, controllers/, calibration/, etcd/, deployment-arithmetic.json
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);
if (directory === undefined || !existsSync(directory)) {
  console.error('usage: node scripts/validation.mjs DIRECTORY (of recordings)');
  process.exit(2);
}

const COMPARISONS = [
  {
    title: "Raft: etcd's raft library v3.6.0, step by step",
    what: 'Elections, replication, snapshots, membership, transfer, reads, crashes, storage modes: messages in order with all fields, hard state, entries, commits, state and progress after every step.',
    args: ['raft', 'raft'],
  },
  {
    title: 'kube-scheduler v1.34.4, decision by decision',
    what: 'Filter statuses with codes and reasons, feasible nodes in order, raw, normalised and total scores, ties, the chosen node, messages, preemption candidates and victims.',
    args: ['scheduler', 'scheduler'],
  },
  { title: 'kube-scheduler v1.36.3', what: 'The same cases decided by the later version.', args: ['scheduler', 'scheduler-1.36', '--kubernetes-version', '1.36'] },
  {
    title: 'Deployment and ReplicaSet arithmetic',
    what: 'Fenceposts, sizes of the new ReplicaSet, proportional scaling, ranking of pods for deletion: results of the real functions.',
    args: ['arithmetic', 'deployment-arithmetic.json'],
  },
  {
    title: 'Controllers of a real control plane v1.34.4',
    what: `Each recorded decision, given the state before it: scalings, statuses and conditions, victims, StatefulSet steps, evictions. Each
scenario from beginning to end on a simulated control plane, under the same commands and with pods that take as long as the recorded ones: the first two steps after
each command, conditions in order, events, final state, revisions, names, answers to the user, timelines of lost nodes; the number of writes and the time
taken within bounds. API requests against the audit log (\`!\`: out of range).`,
    args: ['controllers', 'controllers', '--table'],
    markdown: true,
  },
  {
    title: 'A control plane v1.34.4 with KWOK nodes, in time',
    what: 'Registers nodes, creates a Deployment, rolls it; client limits as recorded. Costs are taken from the metrics of the phases `nodes` and `create`; of `roll` nothing is taken. Durations, requests by verb and resource, mean latencies, waits at the limiters of kube-controller-manager.',
    args: ['calibration', join('calibration', 'n1000-p1000-default')],
    full: true,
  },
  {
    title: 'etcd 3.6.8 under load',
    what: 'Calibrated from the single-client and 1,000-client runs of each configuration; the other loads are predicted. Leader kills against the tick law and the recording: the plain law (the first follower whose own ticks have run out campaigns and wins) holds when Raft runs without CheckQuorum. etcd always runs with it, and a follower that heard from the leader less than an election timeout ago by its own ticks then ignores the campaign (raft.go, Step: inLease), so one outage in twelve lasts longer, 45 ms on average; the law with that rule is met as closely, and the recorded kills do not contradict it.',
    args: ['etcd', join('etcd', 'real-runs.json')],
    full: true,
  },
];

/** Scenarios of scheduler_perf whose tables are shown. */
const WORKLOADS = ['basic', 'spreading', 'affinity', 'namespaces', 'preemption', 'churn', 'volumes'];

let text = `# Validation
What is compared with what, and what came out. Written by \`node scripts/validation.mjs DIRECTORY\`, which runs the commands shown; the
project's tests replay compressed excerpts of the same recordings (\`test/data/\`).
`;
for (const { title, what, args, full, markdown } of COMPARISONS) {
  const [command, path, ...flags] = args;
  const run = spawnSync(process.execPath, ['dist/src/cli/main.js', 'conformance', command, join(directory, path), ...flags], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const lines = run.stdout.trimEnd().split('\n');
  const shown = full ? lines : lines.slice(-1);
  const verdict = run.status === 0 ? 'holds' : 'does not hold yet';
  // A table of the scenarios stands as such; what follows it is text.
  const table = markdown === true ? lines.filter((line) => line.startsWith('|')) : [];
  if (markdown === true) shown.splice(0, shown.length, ...lines.filter((line) => !line.startsWith('|')));
  text += `\n## ${title}\n${what}\n\n\`towtank conformance ${[command, path, ...flags].join(' ')}\` — ${verdict}:\n\`\`\`\n${shown.join('\n')}\n\`\`\`\n${table.length === 0 ? '' : `\n${table.join('\n')}\n`}`;
  console.log(`${title}: ${verdict}`);
}
text += `
## Single syncs of controllers v1.34.4
One sync of the real controller, linked into a small program, on a random state: its requests in order with what they change, its events and its
errors. Replayed by the tests named, which compare every one.

| controller | syncs | test |
|---|---:|---|
| PersistentVolume binder (claims and volumes) | 3,000 | \`test/controllers/volume-binder-recorded.test.ts\` |
| HorizontalPodAutoscaler | 2,000 | \`test/controllers/autoscaler-recorded.test.ts\` |
| Endpoints | 1,500 | \`test/controllers/endpoints-recorded.test.ts\` |
| service account tokens | 900 | \`test/controllers/service-account-tokens.test.ts\` |
| legacy service account token cleaner | 600 | \`test/controllers/service-account-tokens.test.ts\` |
`;
text += `\n## Throughput of scheduler_perf\nWorkloads of Kubernetes' scheduler benchmark, simulated with the default cost profile; beside them pods a second of the real scheduler
v1.34.4 in process on one core (without API server and etcd), and the floors of CI of Kubernetes. Median cycle times of the same shapes are
asserted by \`test/scheduler/cycle-cost.test.ts\`.\n`;
for (const name of WORKLOADS) {
  const file = `scenarios/scheduler-perf/${name}.yaml`;
  const out = mkdtempSync(join(tmpdir(), 'validation-'));
  const run = spawnSync(process.execPath, ['dist/src/cli/main.js', 'run', file, '--quiet', '--out', join(out, name)], { encoding: 'utf8' });
  rmSync(out, { recursive: true });
  text += `\n\`towtank run ${file}\` — ${run.status === 0 ? 'above all thresholds' : 'not above all thresholds'}:\n\`\`\`\n${run.stdout.trimEnd()}\n\`\`\`\n`;
  console.log(`${file}: ${run.status}`);
}
writeFileSync('docs/validation.md', text);
