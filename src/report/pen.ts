import type Table from 'cli-table3';

/** What the terminal can show. The default suits a pipe or a file: ASCII, no colour. */
export interface TerminalOptions {
  /** Box-drawing characters, check marks and µ. */
  readonly unicode?: boolean;
  /** ANSI colours. */
  readonly color?: boolean;
}

const RULES = { unicode: '─', ascii: '-' };

/** Columns apart by blanks, one rule under the head. */
export function plainStyle(pen: Pen): Table.TableConstructorOptions {
  const { rule } = pen;
  return {
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
      mid: rule,
      'mid-mid': rule + rule,
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  };
}

/** Marks and colours of a terminal. */
export class Pen {
  readonly rule: string;
  private readonly unicode: boolean;
  private readonly color: boolean;

  constructor(options: TerminalOptions) {
    this.unicode = options.unicode ?? false;
    this.color = options.color ?? false;
    this.rule = this.unicode ? RULES.unicode : RULES.ascii;
  }

  get plusMinus(): string {
    return this.unicode ? '±' : '+-';
  }

  mark(good: boolean): string {
    const sign = this.unicode ? (good ? '✓' : '✗') : good ? 'ok' : 'NO';
    return this.paint(sign, good ? '32' : '31');
  }

  bold(text: string): string {
    return this.paint(text, '1');
  }

  dim(text: string): string {
    return this.paint(text, '2');
  }

  warn(text: string): string {
    return this.paint(text, '33');
  }

  /** Joins lines without trailing blanks; `us` becomes `µs` where the terminal can show it. */
  finish(lines: readonly string[]): string {
    const text = lines
      .join('\n')
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
    return `${this.unicode ? text.replace(/(\d) us\b/g, '$1 µs') : text}\n`;
  }

  private paint(text: string, code: string): string {
    return this.color ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
