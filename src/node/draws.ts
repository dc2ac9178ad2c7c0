import type { DistributionSpec } from '../random/distribution.js';
import { sample } from '../random/distribution.js';
import type { KeyedDraws, Uniform } from '../random/stream.js';

/** A reusable reader of keyed draws: the draws of one key from number `k` on, without an object for each key. */
export class DrawCursor implements Uniform {
  private readonly draws: KeyedDraws;
  private key = 0;
  private k = 0;

  constructor(draws: KeyedDraws) {
    this.draws = draws;
  }

  /** Positions at draw `k` of `key`. */
  at(key: number, k = 0): this {
    this.key = key;
    this.k = k;
    return this;
  }

  next(): number {
    return this.draws.uniform(this.key, this.k++);
  }

  /** One duration from draw `k` of `key` on. Leave 64 draws between independent samples of one key. */
  sample(spec: DistributionSpec, key: number, k = 0): number {
    return spec.kind === 'constant' && spec.stall === undefined ? spec.value : sample(spec, this.at(key, k));
  }
}
