import { Presets, SingleBar } from 'cli-progress';
import type { RunFlags } from './program.js';
import type { Terminal } from './terminal.js';

/** Progress of a command over several runs; draws a bar on a terminal, else does nothing. */
export class Progress {
  private readonly bar: SingleBar | null;
  private readonly runs: number;
  private done = 0;
  private name = '';

  constructor(terminal: Terminal, flags: RunFlags, runs: number) {
    this.runs = runs;
    this.bar =
      terminal.interactive && flags.quiet !== true
        ? new SingleBar(
            { format: '{name} [{bar}] {percentage} % | {duration_formatted}', clearOnComplete: true, hideCursor: true },
            Presets.shades_classic,
          )
        : null;
    this.bar?.start(1000, 0, { name: '' });
  }

  /** The next run begins. */
  begin(name: string): void {
    this.name = name.padEnd(12);
    this.update(0);
  }

  /** Share of the current run that is done, 0..1. */
  update(share: number): void {
    this.bar?.update(Math.floor(((this.done + share) / this.runs) * 1000), { name: this.name });
  }

  /** The current run is over. */
  end(): void {
    this.done++;
    this.update(0);
  }

  /** So many runs are over. */
  at(done: number): void {
    this.done = done;
    this.update(0);
  }

  /** Takes the bar away. */
  stop(): void {
    this.bar?.stop();
  }
}
