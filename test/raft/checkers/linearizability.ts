import { KEYS } from '../chaos/store.js';
import { Checker, type Subject, type Surroundings } from './checker.js';
import { isLinearizable } from './history.js';

/** The store behaves as if every operation happened at one moment between call and answer, key by key. */
export class Linearizability extends Checker {
  readonly name = 'linearizability';

  override finished(_survivors: readonly Subject[], { operations }: Surroundings): void {
    for (let key = 0; key < KEYS; key++) {
      const history = operations.filter(
        (one) => one.key === key && !one.refused && (one.kind !== 'get' || one.completed !== Number.POSITIVE_INFINITY),
      );
      if (!isLinearizable(history)) this.fail(`the ${history.length} operations on key ${key} have no order`);
    }
  }
}
