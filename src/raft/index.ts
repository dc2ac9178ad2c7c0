/** etcd's raft v3.6 as a state machine: no clock, no input or output, randomness passed in. Imports nothing. */
export { MemoryStorage } from './storage.js';
export { RawNode } from './raw-node.js';
export { makeMessage } from './messages.js';
export { entriesSize, entrySize, payloadSize } from './sizes.js';
export { ProgressState } from './progress.js';
export * from './types.js';
