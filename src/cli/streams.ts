import { EXIT_FAILED } from './terminal.js';

const REASONS: Readonly<Record<string, string>> = { ENOSPC: 'no space left on the device', EIO: 'input/output error of the device' };

/**
 * Keeps a standard stream that cannot be written from ending the process with a stack trace. A reader that has seen enough (`| head`)
 * is no failure; a full disk is. Returns what to make of the exit code at the end.
 */
export function guardStreams(): (code: number) => number {
  let failed = false;
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || failed) return;
    failed = true;
    process.exitCode = EXIT_FAILED;
    process.stderr.write(`towtank: cannot write standard output: ${REASONS[error.code ?? ''] ?? error.message}\n`);
  });
  return (code) => (failed ? EXIT_FAILED : code);
}
