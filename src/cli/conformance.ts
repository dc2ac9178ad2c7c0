import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { conformanceArithmetic } from '../conformance/arithmetic.js';
import { replayRaftDirectory } from '../conformance/raft.js';
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
    .command('arithmetic')
    .argument('<file>', 'recorded results of the Deployment and ReplicaSet arithmetic (JSON)')
    .description('Fenceposts, new ReplicaSet sizes, proportional scaling and the ranking of pods for deletion.')
    .action(replay('file', conformanceArithmetic));
}
