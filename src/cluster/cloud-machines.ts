import type { CloudMachines } from '../controllers/cloud-node-lifecycle.js';

/** What the cloud would say of the cluster's machines. */
export class SimulatedMachines implements CloudMachines {
  /** Names of nodes whose machines the cloud has taken away, and of those that are shut down. */
  readonly gone = new Set<string>();
  readonly off = new Set<string>();

  exists(node: string): boolean {
    return !this.gone.has(node);
  }

  isShutDown(node: string): boolean {
    return this.off.has(node);
  }
}
