import type { Plugin, QueuedPodView } from '../framework/plugin.js';

/** Higher priority first, then the pod that waits longer (plugins/queuesort). */
export class PrioritySort implements Plugin {
  readonly name = 'PrioritySort';

  less(a: QueuedPodView, b: QueuedPodView): boolean {
    return a.pod.priority > b.pod.priority || (a.pod.priority === b.pod.priority && a.timestamp < b.timestamp);
  }
}
