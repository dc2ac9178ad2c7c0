/** Where in a file something is; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface InputErrorDetails {
  /** Path as the user would open it. */
  readonly file: string;
  readonly position?: Position;
  readonly message: string;
  /** What was in the file. */
  readonly found?: string;
  /** What should have been there. */
  readonly expected?: string;
  /** The nearest right name, or another way out. */
  readonly suggestion?: string;
  /** The line of the file, for showing. */
  readonly sourceLine?: string;
}

/** Widest piece of a source line that is shown. */
const SHOWN_WIDTH = 120;

/** Something wrong in a file of the user: the command line prints it and exits 2. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  readonly suggestion: string | undefined;
  readonly sourceLine: string | undefined;

  constructor(details: InputErrorDetails) {
    super(details.message);
    this.file = details.file;
    this.line = details.position?.line;
    this.column = details.position?.column;
    this.found = details.found;
    this.expected = details.expected;
    this.suggestion = details.suggestion;
    this.sourceLine = details.sourceLine;
  }

  /** `file:line:column`, or `file`. */
  get place(): string {
    return this.line === undefined ? this.file : `${this.file}:${this.line}:${this.column}`;
  }

  /** `file:line:column: message`, and below it the line with a caret under the column. */
  override toString(): string {
    const text = `${this.place}: ${this.message}`;
    if (this.sourceLine === undefined || this.line === undefined || this.column === undefined) return text;
    const start = this.column <= SHOWN_WIDTH ? 0 : this.column - 1 - SHOWN_WIDTH / 2;
    const shown = this.sourceLine.slice(start, start + SHOWN_WIDTH).replaceAll('\t', ' ');
    const gutter = `${this.line} | `;
    const caret = `${' '.repeat(gutter.length - 2)}| ${' '.repeat(Math.max(0, this.column - 1 - start))}^`;
    return `${text}\n  ${gutter}${shown}\n  ${caret}`;
  }
}

/** Several input errors at once. */
export class InputErrors extends Error {
  override readonly name = 'InputErrors';
  readonly errors: readonly InputError[];

  constructor(errors: readonly InputError[]) {
    super(`${errors.length} errors in the input`);
    this.errors = errors;
  }

  override toString(): string {
    return this.errors.map((error) => error.toString()).join('\n');
  }
}

/** Whether an error is the user's input, not a fault of the program. */
export function isInputError(error: unknown): error is InputError | InputErrors {
  return error instanceof InputError || error instanceof InputErrors;
}

/** Throws what was collected: nothing, the one error, or all of them together, file by file in order of position. */
export function throwInputErrors(errors: readonly InputError[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length === 0) return;
  const files = [...new Set(errors.map((error) => error.file))];
  const rank = new Map(files.map((file, i) => [file, i]));
  const sorted = [...errors].sort(
    (a, b) =>
      rank.get(a.file)! - rank.get(b.file)! ||
      (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
  throw new InputErrors(sorted);
}

/** The input errors inside a thrown value; rethrows anything else. */
export function inputErrorsOf(error: unknown): readonly InputError[] {
  if (error instanceof InputError) return [error];
  if (error instanceof InputErrors) return error.errors;
  throw error;
}
