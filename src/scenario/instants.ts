import type { Time } from '../kernel/time.js';
import type { Path } from './source.js';
import type { RolloutProgress } from './types.js';
import { duration } from './units.js';

/** An instant of a scenario: since the origin, or since an instant of the rollout. */
export interface Instant {
  readonly at: Time;
  readonly progress?: RolloutProgress;
}

/** Whether an instant is one of the rollout. */
export function isOfRollout(text: string): boolean {
  return text.startsWith('rollout');
}

/**
 * Reads `5m`, `rollout + 10s`, `rollout 50%`, `rollout end + 1m`, which the schema has checked. `start`: when the rollout begins,
 * undefined: there is none, which is an error for instants of it.
 */
export function toInstant(text: string, start: string | undefined, path: Path, complain: (path: Path, message: string) => undefined): Instant | undefined {
  if (!isOfRollout(text)) return { at: duration(text) };
  if (start === undefined) return complain(path, `the scenario has no rollout, so there is no "${text}"`);
  const [what, plus] = text.split(' + ') as [string, string | undefined];
  const after = plus === undefined ? 0 : duration(plus);
  const point = what.slice('rollout'.length).trim();
  if (point === '') return { at: duration(start) + after };
  if (point === 'end') return { at: after, progress: 'end' };
  const share = Number(point.slice(0, -1)) / 100;
  if (share > 1) return complain(path, `expected at most 100%, found "${text}"`);
  return { at: after, progress: share };
}
