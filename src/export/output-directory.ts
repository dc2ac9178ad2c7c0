import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Output could not be written, for a reason that a user can act on. */
export class OutputError extends Error {
  /** Code of the system's error: ENOSPC, EACCES, … ; empty when the reason is ours. */
  readonly code: string;

  constructor(message: string, code = '') {
    super(message);
    this.name = 'OutputError';
    this.code = code;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large for the file system',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a directory',
  ENOENT: 'its directory does not exist and cannot be made',
  EEXIST: 'a file with this name is in the way',
  EISDIR: 'a directory with this name is in the way',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  EIO: 'input/output error of the device',
};

/** An error of the file system as an OutputError that names the path; others unchanged. */
export function toOutputError(error: unknown, path: string): Error {
  if (error instanceof OutputError || !(error instanceof Error)) return error as Error;
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string') return error;
  return new OutputError(`cannot write ${path}: ${REASONS[code] ?? error.message}`, code);
}

/** A file of an output directory while it is written. Errors are OutputErrors, and discard the directory. */
export interface OutputFile {
  append(content: string | Uint8Array): void;
  close(): void;
}

/** Directories that were begun and neither committed nor discarded. */
const unfinished = new Set<OutputDirectory>();

/** Removes all unfinished output; runs by itself when the process exits, also by `process.exit` in a signal handler. */
export function discardUnfinished(): void {
  for (const directory of unfinished) directory.discard();
}

/** File that marks a directory as made by this program, so that a new run may replace it. */
const MARKER = 'summary.json';

/**
 * A directory of output files that appears whole or not at all: everything is written into a hidden sibling, which takes
 * the final name in `commit`. An older output of the same name is replaced; a directory of anything else is refused.
 */
export class OutputDirectory {
  readonly path: string;
  private readonly shown: string;
  private temporary = '';
  /** The outermost directory that was made to hold this one. */
  private made: string | undefined;

  constructor(path: string) {
    this.shown = path;
    this.path = resolve(path);
    this.guard(() => {
      if (existsSync(this.path)) this.checkReplaceable();
      this.made = makeParents(this.path);
      this.temporary = newDirectory(join(dirname(this.path), `.${basename(this.path)}-${process.pid}`));
    });
    if (!process.listeners('exit').includes(discardUnfinished)) process.on('exit', discardUnfinished);
    unfinished.add(this);
  }

  /** Writes a file from text or bytes, or from parts one after the other; the name may lead into folders. */
  write(name: string, content: string | Uint8Array | Iterable<string | Uint8Array>): void {
    this.guard(() => {
      if (name.includes('/')) mkdirSync(join(this.temporary, dirname(name)), { recursive: true });
      const file = openSync(join(this.temporary, name), 'w');
      try {
        if (typeof content === 'string' || content instanceof Uint8Array) writeAll(file, content);
        else for (const part of content) writeAll(file, part);
      } finally {
        closeSync(file);
      }
    }, name);
  }

  /** Opens a file that is written bit by bit, for as long as a run takes. Close it before `commit`. */
  open(name: string): OutputFile {
    let file = -1;
    this.guard(() => {
      file = openSync(join(this.temporary, name), 'w');
    }, name);
    return {
      append: (content) => this.guard(() => writeAll(file, content), name),
      close: () => this.guard(() => closeSync(file), name),
    };
  }

  /** Gives the directory its name. */
  commit(): void {
    this.guard(() => {
      const old = existsSync(this.path) ? `${this.temporary}-old` : undefined;
      if (old !== undefined) renameSync(this.path, old);
      try {
        renameSync(this.temporary, this.path);
      } catch (error) {
        if (old !== undefined) renameSync(old, this.path);
        throw error;
      }
      this.temporary = '';
      unfinished.delete(this);
      if (old !== undefined) rmSync(old, { recursive: true, force: true });
    });
  }

  /** Removes what was written so far; safe to call at any time, also after `commit`. */
  discard(): void {
    unfinished.delete(this);
    if (this.temporary === '') return;
    rmSync(this.temporary, { recursive: true, force: true });
    this.temporary = '';
    if (this.made !== undefined) removeEmpty(dirname(this.path), this.made);
  }

  private checkReplaceable(): void {
    if (!lstatSync(this.path).isDirectory())
      throw new OutputError(`cannot write ${this.shown}: a file with this name is in the way`, 'EEXIST');
    const entries = readdirSync(this.path);
    if (entries.length > 0 && !entries.includes(MARKER)) {
      throw new OutputError(`will not replace ${this.shown}: it holds files that are not an earlier output`);
    }
  }

  private guard(action: () => void, name = ''): void {
    try {
      action();
    } catch (error) {
      this.discard();
      throw toOutputError(error, name === '' ? this.shown : join(this.shown, name));
    }
  }
}

/** Writes a file whole or not at all: beside its place first, then under its name. Throws OutputError. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}-${process.pid}`);
  try {
    const file = openSync(temporary, 'w');
    try {
      writeAll(file, content);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw toOutputError(error, path);
  }
}

/** Makes the directories around a path; returns the outermost one that did not exist. */
function makeParents(path: string): string | undefined {
  try {
    return mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    // Node says EEXIST when a file stands where a directory is needed.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') (error as NodeJS.ErrnoException).code = 'ENOTDIR';
    throw error;
  }
}

/** Removes a directory and those around it, out to `last`, as long as they are empty. */
function removeEmpty(path: string, last: string): void {
  for (let at = path; at.length >= last.length; at = dirname(at)) {
    if (readdirSync(at).length > 0) return;
    rmdirSync(at);
  }
}

/** Throws the OutputError that writing to a path would end with, as far as it can be known before: call it before a long run. */
export function checkOutput(path: string): void {
  new OutputDirectory(path).discard();
}

/** Makes a directory that did not exist, with the permissions a user's other directories have. */
function newDirectory(wish: string): string {
  for (let i = 0; ; i++) {
    const path = `${wish}-${i}`;
    try {
      mkdirSync(path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Writes a whole part; a write may take fewer bytes than asked for. */
function writeAll(file: number, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
