import { type Replication, type ReplicationTask, replicate } from './replication.js';

/** Entry of a worker thread: one task, one replication. */
export default function work(task: ReplicationTask): Replication {
  return replicate(task);
}
