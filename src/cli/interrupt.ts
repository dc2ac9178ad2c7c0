import { EXIT_INTERRUPTED, Interrupted } from './terminal.js';

/** Commands (and their parts) that listen; signals are the process's, so this is too. */
let listeners = 0;
let requested = false;

function onSignal(): void {
  // Whoever asks twice wants it to end now; unfinished output is removed on the way out.
  if (requested) process.exit(EXIT_INTERRUPTED);
  requested = true;
}

/**
 * Does work during which Ctrl-C and SIGTERM do not end the process but are noted, so that it can end where nothing is left half
 * done: ask `interrupted` or `checkInterrupt` now and then, after the event loop had its turn.
 */
export async function interruptible<T>(work: () => Promise<T>): Promise<T> {
  if (listeners++ === 0) {
    requested = false;
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  }
  try {
    return await work();
  } finally {
    if (--listeners === 0) {
      process.removeListener('SIGINT', onSignal);
      process.removeListener('SIGTERM', onSignal);
    }
  }
}

/** Whether somebody asked the work to end. */
export function interrupted(): boolean {
  return requested;
}

/** Throws Interrupted when somebody asked the work to end. */
export function checkInterrupt(): void {
  if (requested) throw new Interrupted('interrupted; nothing was written');
}
