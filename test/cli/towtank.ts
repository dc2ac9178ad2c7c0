import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../src/cli/program.js';
import { root } from '../cluster/scenario.js';

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, without a terminal. */
export async function towtank(...args: string[]): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(args, {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    interactive: false,
  });
  return { code, stdout, stderr };
}

/** The program as a user starts it. */
export const PROGRAM = join(root, 'dist', 'src', 'cli', 'main.js');

/** A new folder with a copy of the scenarios and one more among them, `small.yaml`. */
export function scenarioFolder(name: string, lines: readonly string[]): { readonly directory: string; readonly file: string } {
  const directory = mkdtempSync(join(tmpdir(), `towtank-${name}-`));
  cpSync(join(root, 'scenarios'), join(directory, 'scenarios'), { recursive: true });
  const file = join(directory, 'scenarios', 'small.yaml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return { directory, file };
}
