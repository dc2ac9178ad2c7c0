import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { toOutputError } from '../export/output-directory.js';
import type { Replication } from './replication.js';

/**
 * Finished replications of a command that has not ended: a hidden file beside its output directory, a line of JSON each. A command
 * that was interrupted goes on from it; one that ended removes it. Throws OutputError when it cannot be written.
 */
export class Journal {
  readonly path: string;
  private readonly key: string;
  private begun = false;

  /** `key` says what is replicated (scenario, version, options): a journal of anything else is not read. */
  constructor(output: string, key: string) {
    const path = resolve(output);
    this.path = join(dirname(path), `.${basename(path)}.replications.jsonl`);
    this.key = key;
  }

  /** The replications that an earlier, interrupted command finished, by index. */
  read(): Map<number, Replication> {
    const found = new Map<number, Replication>();
    if (!existsSync(this.path)) return found;
    const [head, ...lines] = readFileSync(this.path, 'utf8').split('\n');
    if (head !== JSON.stringify({ key: this.key })) return found;
    this.begun = true;
    for (const line of lines) {
      const entry = parse(line);
      if (entry !== undefined) found.set(entry.index, entry);
    }
    return found;
  }

  /** Keeps a replication. */
  append(replication: Replication): void {
    this.guard(() => {
      if (!this.begun) mkdirSync(dirname(this.path), { recursive: true });
      if (!this.begun) writeFileSync(this.path, `${JSON.stringify({ key: this.key })}\n`);
      this.begun = true;
      appendFileSync(this.path, `${JSON.stringify(replication)}\n`);
    });
  }

  /** Removes the file: the command has ended. */
  remove(): void {
    this.guard(() => rmSync(this.path, { force: true }));
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw toOutputError(error, this.path);
    }
  }
}

/** A line, or undefined when it is the torn end of a killed command. */
function parse(line: string): Replication | undefined {
  try {
    return JSON.parse(line) as Replication;
  } catch {
    return undefined;
  }
}
