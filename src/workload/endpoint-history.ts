import type { Pod } from '../api/core.js';
import type { Time } from '../kernel/time.js';
import { ENDED_IN_FLIGHT, ENDED_POD, NODE_LOST_IN_FLIGHT, OUT_OF_MEMORY_IN_FLIGHT, STARTING_POD, STOPPED_IN_FLIGHT, TERMINATING_POD } from './mechanisms.js';

/** When and why the newest pod of each address stopped listening: what a refused connection is due to. */
export class EndpointHistory {
  /** By address number; absent or negative: it has never stopped listening. */
  private readonly stopped: Time[] = [];
  private readonly told: boolean[] = [];

  /** A pod begins to listen at an address. */
  listens(address: number): void {
    if (address < this.stopped.length) this.stopped[address] = -1;
  }

  /** A pod stops listening; of two calls for one stop the first counts. */
  stops(address: number, pod: Pod, now: Time): void {
    while (this.stopped.length <= address) {
      this.stopped.push(-1);
      this.told.push(false);
    }
    if (this.stopped[address]! >= 0) return;
    this.stopped[address] = now;
    this.told[address] = pod.metadata.deletionTimestamp !== undefined;
  }

  /** Mechanism of a connection that an address refuses. */
  refused(address: number): number {
    if ((this.stopped[address] ?? -1) < 0) return STARTING_POD;
    return this.told[address] ? TERMINATING_POD : ENDED_POD;
  }

  /** Mechanism of a request that a pod held when it was killed. */
  killed(address: number, outOfMemory: boolean, machineUp: boolean): number {
    if (!machineUp) return NODE_LOST_IN_FLIGHT;
    if (outOfMemory) return OUT_OF_MEMORY_IN_FLIGHT;
    return this.told[address] ? STOPPED_IN_FLIGHT : ENDED_IN_FLIGHT;
  }

  /** Since the pod of an address stopped listening; negative: it has not. */
  since(address: number, now: Time): Time {
    const stopped = this.stopped[address] ?? -1;
    return stopped < 0 ? -1 : now - stopped;
  }
}
