import { existsSync, statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { conformanceArithmetic } from '../conformance/arithmetic.js';
import { compareCalibration } from '../conformance/calibration/index.js';
import { conformanceControllers } from '../conformance/scenarios/index.js';
import { compareEtcdRecording } from '../conformance/etcd.js';
import { replayRaftDirectory } from '../conformance/raft.js';
import { replaySchedulerDirectory } from '../conformance/scheduler.js';
import { type Terminal, UsageError } from './terminal.js';

/** What a replay of recordings gives: lines to print, the last one the tally, and the exit code. */
interface ConformanceOutcome {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

function mustBe(path: string, what: 'directory' | 'file'): void {
  if (!existsSync(path)) throw new UsageError(`${path}: no such file or directory; expected a ${what} of recordings`);
  const found = statSync(path).isDirectory() ? 'directory' : 'file';
  if (found !== what) throw new UsageError(`${path}: found a ${found}, expected a ${what} of recordings`);
}

/** Adds `towtank conformance …`: recordings of the real components replayed against the models. */
export function addConformance(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  const conformance = program
    .command('conformance')
    .description('Replay recordings of the real components against the models; exit 0 only if all match.')
    .addHelpText(
      'after',
      `
Examples:
  towtank conformance raft recordings/raft             every step of every file of etcd's raft library
  towtank conformance scheduler recordings/scheduler   every decision of kube-scheduler, plugin by plugin
  towtank conformance controllers recordings/controllers
  towtank conformance etcd real-runs.json              calibrate from some loads, predict the others
  towtank conformance calibration recordings/calibration/n1000-p1000-default
  towtank conformance arithmetic deployment-arithmetic.json`,
    );
  const replay = (what: 'directory' | 'file', run: (path: string) => ConformanceOutcome) => (path: string) => {
    mustBe(path, what);
    const { lines, exitCode } = run(path);
    for (const line of lines) terminal.stdout.write(`${line}\n`);
    exit(exitCode);
  };
  conformance
    .command('raft')
    .argument('<directory>', 'recordings of format raft-golden/1 (*.ndjson.gz)')
    .description("Recordings of etcd's raft library: messages, hard state, entries, commits, state, progress.")
    .action(replay('directory', replayRaftDirectory));
  conformance
    .command('scheduler')
    .argument('<directory>', 'recorded decisions of kube-scheduler (*.jsonl.gz)')
    .addOption(new Option('--kubernetes-version <version>', 'which version recorded them').choices(['1.34', '1.35', '1.36']).default('1.34'))
    .description('Recorded decisions: filter statuses, scores, ties, the chosen node, messages, preemption.')
    .action((path: string, flags: { kubernetesVersion: '1.34' | '1.35' | '1.36' }) =>
      replay('directory', (directory) => replaySchedulerDirectory(directory, flags.kubernetesVersion))(path),
    );
  conformance
    .command('controllers')
    .argument('<directory>', 'recordings of a real control plane (*.ndjson.gz)')
    .option('--table', 'a Markdown table of all scenarios: recorded, simulated, verdict')
    .description('Each scenario replayed on a simulated control plane, each recorded decision given the state before it, API requests.')
    .action((path: string, flags: { table?: true }) => replay('directory', (directory) => conformanceControllers(directory, flags.table === true))(path));
  conformance
    .command('etcd')
    .argument('<file>', 'recorded runs of etcd under load (JSON)')
    .description('Calibrates from the single-client and 1,000-client runs of the file and predicts the others.')
    .action(replay('file', compareEtcdRecording));
  conformance
    .command('arithmetic')
    .argument('<file>', 'recorded results of the Deployment and ReplicaSet arithmetic (JSON)')
    .description('Fenceposts, new ReplicaSet sizes, proportional scaling and the ranking of pods for deletion.')
    .action(replay('file', conformanceArithmetic));
  conformance
    .command('calibration')
    .argument('<directory>', "metrics of a real control plane with KWOK nodes, before and after each phase, with the run's run.json")
    .option('--profile <directory>', 'the run whose `nodes` and `create` metrics the costs are taken from (default: the run itself)')
    .description('Simulates a recorded run: durations, requests, mean latencies and waits at client limiters beside the real ones.')
    .action((path: string, flags: { profile?: string }) => {
      if (flags.profile !== undefined) mustBe(flags.profile, 'directory');
      replay('directory', (directory) => compareCalibration(directory, flags.profile))(path);
    });
}
