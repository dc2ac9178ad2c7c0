/** Events of an API server, by opcode. */
export const OP_ARRIVE = 1;
export const OP_CPU_DONE = 2;
export const OP_RETRY_WATCH = 3;
export const OP_RETRY_FILL = 4;
export const OP_WAIT_OVER = 5;
export const OP_SEATS_FREE = 6;
export const OP_BORROW = 7;
export const OP_RESUME = 8;
export const OP_COMPACT = 9;
export const OP_DEADLINE = 10;
export const OP_PROGRESS = 11;
export const OP_DRAIN = 12;
export const OP_START = 13;

/** What they mean, for traces. */
export const EVENT_NAMES: Readonly<Record<number, string>> = {
  [OP_ARRIVE]: 'a request arrives',
  [OP_CPU_DONE]: 'a core has worked off a request',
  [OP_RETRY_WATCH]: 'a watch of etcd is opened again',
  [OP_RETRY_FILL]: 'a list from etcd is tried again',
  [OP_WAIT_OVER]: 'a request has waited long enough for a seat',
  [OP_SEATS_FREE]: 'a write has been sent to its watchers',
  [OP_BORROW]: 'seats are divided anew among the priority levels',
  [OP_RESUME]: 'a request goes on after a pause',
  [OP_COMPACT]: 'etcd is to be compacted',
  [OP_DEADLINE]: 'a request has taken too long',
  [OP_PROGRESS]: 'lists wait for their cache',
  [OP_DRAIN]: 'the server stops accepting requests',
  [OP_START]: 'the process starts again',
};
