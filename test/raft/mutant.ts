import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { RaftLibrary } from './chaos/member.js';
import type { Mutation } from './mutations.js';

const SOURCE = fileURLToPath(new URL('../../src/raft/', import.meta.url));

/** A copy of the compiled protocol with one mistake. Throws when the text to change is not there exactly once. */
export async function loadMutant({ file, from, to }: Mutation): Promise<RaftLibrary> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-mutant-'));
  try {
    cpSync(SOURCE, folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const path = join(folder, file);
    // Comments and blank lines are no part of a mutation's text.
    const text = readFileSync(path, 'utf8').replace(/^\s*(\/\/|\/?\*).*\n/gm, '');
    if (text.split(from).length !== 2) throw new Error(`not exactly once in ${file}: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    return (await import(pathToFileURL(join(folder, 'index.js')).href)) as RaftLibrary;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
