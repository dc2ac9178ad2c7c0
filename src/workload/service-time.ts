import type { Duration } from '../kernel/time.js';
import { exp } from '../random/portable.js';
import type { RequestBehaviour } from '../scenario/types.js';

/** How many times longer requests take at a pod that has listened for `age`: a slow version, and one that is not warm yet. */
export function slowness({ slower, warmUp }: RequestBehaviour, age: Duration): number {
  const factor = slower ?? 1;
  return warmUp === undefined ? factor : factor * (1 + (warmUp.factor - 1) * exp(-age / warmUp.time));
}

/** Probability that a request is answered with an error, by the requests that its pod holds when its service ends, itself among them. */
export function errorProbability({ errors, overload }: RequestBehaviour, held: number): number {
  return overload !== undefined && held > overload.above && overload.errors > errors ? overload.errors : errors;
}
