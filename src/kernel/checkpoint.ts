/**
 * Checkpoints: the whole object graph behind a root (a simulation and everything it reaches) as numbers and strings, and back. Component
 * state holds no functions, so a copy of the graph is a copy of the run: a restored run continues with the same events, draws and hash.
 * Handled: plain objects, class instances, arrays, Map, Set, typed arrays and their shared buffers, bigint, cycles and shared references.
 * Refused, with the path to it: functions, symbols, generators, promises, weak collections, dates. State in `#private` fields cannot be seen
 * and is lost: components use TypeScript's `private`.
 */
import type { Checkpoint } from './checkpoint-format.js';
import { Restorer } from './checkpoint-restore.js';
import { Saver } from './checkpoint-save.js';
import { CheckpointTypes } from './checkpoint-types.js';

export type { Checkpoint } from './checkpoint-format.js';
export { CheckpointTypes } from './checkpoint-types.js';

/** Saves the graph behind a root. The run is not disturbed. */
export function saveCheckpoint(root: object, types: CheckpointTypes = new CheckpointTypes()): Checkpoint {
  return new Saver(types).save(root);
}

/** A new graph like the saved one. A checkpoint can be restored any number of times. */
export function restoreCheckpoint<T extends object>(checkpoint: Checkpoint, types: CheckpointTypes): T {
  return new Restorer(checkpoint, types).restore() as T;
}
