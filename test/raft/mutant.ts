import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { RaftLibrary } from './chaos/member.js';

const SOURCE = fileURLToPath(new URL('../../src/raft/', import.meta.url));

/** A deliberate mistake: in one file of a room of `src`, as compiled, one text becomes another. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Imports a copy of a compiled room (a folder) with one mistake; the copy is made in `parent`, which is where what it imports from beside
 * itself is looked for. Throws when the text to change is not there exactly once.
 */
export async function importMutant<T>(source: string, parent: string, mutation: Mutation): Promise<T> {
  const [module] = await importMutants(source, parent, mutation, ['index.js']);
  return module as T;
}

/** The same with several modules of the folder. */
export async function importMutants(source: string, parent: string, { file, from, to }: Mutation, modules: readonly string[]): Promise<readonly unknown[]> {
  const folder = mkdtempSync(join(parent, 'mutant-'));
  try {
    cpSync(source, folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const path = join(folder, file);
    // Comments and blank lines are no part of a mutation's text.
    const text = readFileSync(path, 'utf8').replace(/^\s*(\/\/|\/?\*).*\n/gm, '');
    if (text.split(from).length !== 2) throw new Error(`not exactly once in ${file}: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    return await Promise.all(modules.map((module) => import(pathToFileURL(join(folder, module)).href)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The protocol with one mistake. */
export function loadMutant(mutation: Mutation): Promise<RaftLibrary> {
  return importMutant(SOURCE, tmpdir(), mutation);
}
