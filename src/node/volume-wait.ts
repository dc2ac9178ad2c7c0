import type { Simulation } from '../kernel/simulation.js';

/** Volumes that a sync of a pod waits for. */
export interface AwaitedVolumes {
  /** The running sync of the pod waits for them. */
  awaited: boolean;
  /** Event that ends the wait; 0: none. */
  timeout: number;
}

/** The sync of a pod has failed: what is under way goes on without it. */
export function stopAwaiting(volumes: AwaitedVolumes | undefined, simulation: Simulation): void {
  if (volumes === undefined) return;
  if (volumes.timeout !== 0) simulation.cancel(volumes.timeout);
  volumes.timeout = 0;
  volumes.awaited = false;
}
