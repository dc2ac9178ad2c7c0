import type { Member } from '../../../src/etcd/member.js';
import { isLinearizable } from '../../raft/checkers/history.js';
import { KEYS } from '../chaos/clients.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/** What clients saw of each key is explained by some order of their operations that respects real time. */
export class Linearizability extends Checker {
  readonly name = 'linearizability';

  override finished(_survivors: readonly Member[], { truth, workers }: World): void {
    for (const key of KEYS) {
      const history = workers
        .flatMap(({ operations }) => operations)
        .filter((operation) => {
          if (operation.key !== key || operation.local) return false;
          if (operation.completed !== Number.POSITIVE_INFINITY) return true;
          // An open write whose value was never stored has not happened; deletions leave no trace of who asked.
          return operation.kind !== 'get' && (operation.value === 0 || truth.has(operation.value));
        });
      if (!isLinearizable(history)) this.fail(`the ${history.length} operations on ${key} have no order`);
    }
  }
}
