import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the command gives Node when it starts itself (first line of src/cli/main.ts), so that a bench runs what users run. */
export function commandFlags(): readonly string[] {
  const [first] = readFileSync(fileURLToPath(new URL('../src/cli/main.js', import.meta.url)), 'utf8').split('\n', 1);
  return first!.split(' ').filter((word) => word.startsWith('--'));
}
