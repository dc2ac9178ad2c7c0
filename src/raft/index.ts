/** etcd's raft v3.6 as a state machine: no clock, no input or output, randomness passed in. Imports nothing. */

export { EntryRing } from './entry-ring.js';
export { makeMessage } from './messages.js';
export { ProgressState } from './progress.js';
export { RawNode } from './raw-node.js';
export { entriesSize, entrySize, payloadSize } from './sizes.js';
export { MemoryStorage } from './storage.js';
export * from './types.js';
