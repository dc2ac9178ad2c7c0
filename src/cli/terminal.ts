/** Where a command writes: results to stdout, messages to stderr. Injected, so that tests can look. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { write(text: string): unknown };
  /** stderr is a terminal: a progress bar may be drawn. */
  readonly interactive: boolean;
}

/** Exit codes (docs: README, "Exit codes"). */
export const EXIT_OK = 0;
/** An objective was missed, or the run failed. */
export const EXIT_FAILED = 1;
/** Bad input. */
export const EXIT_INPUT = 2;
export const EXIT_INTERRUPTED = 130;

/** Bad use of the command line or bad input found by a command itself; printed without a stack trace. */
export class UsageError extends Error {}

/** The user pressed Ctrl-C or the process was asked to end. */
export class Interrupted extends Error {}
