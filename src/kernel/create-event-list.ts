import type { EventList, EventListName, EventRecords } from './event-list.js';
import { FastPriorityQueueEventList } from './fast-priority-queue-list.js';
import { HeapEventList } from './heap-list.js';
import { LadderEventList } from './ladder-list.js';

/** An event list of a name, over these records. */
export function createEventList(name: EventListName, records: EventRecords): EventList {
  switch (name) {
    case 'ladder':
      return new LadderEventList(records);
    case 'heap':
      return new HeapEventList(records);
    case 'fastpriorityqueue':
      return new FastPriorityQueueEventList(records);
  }
}
