import type { Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { PodLife } from './pod-life.js';

/** An instant that has not come. */
export const NEVER: Time = -1;

/**
 * What a rollout does to the capacity of its application: available endpoints of its Service against the wanted number, and
 * pods above that number. Integrals are exact: they are carried forward at each change.
 */
export class AppTracker {
  /** Least ready endpoints since `begin`. */
  lowestReady = Number.POSITIVE_INFINITY;
  /** ∫ max(0, pods − wanted) dt and ∫ max(0, wanted − ready) dt since `begin`, pod-seconds. */
  surgePodSeconds = 0;
  deficitPodSeconds = 0;
  /** Pods created since `begin`. */
  created = 0;
  private readonly simulation: Simulation;
  private readonly services = new Set<string>();
  private readonly deployments = new Set<string>();
  private ready = 0;
  private pods = 0;
  private wanted = 0;
  private since: Time = NEVER;

  /**
   * @param service `namespace/name` of the Service whose endpoints count as capacity; empty: none
   */
  constructor(simulation: Simulation, service: string) {
    this.simulation = simulation;
    if (service !== '') this.services.add(service);
  }

  /** Counts the pods of a Deployment (`namespace/name`) from now on: before any of them is created. */
  addDeployment(name: string): void {
    this.deployments.add(name);
  }

  /** Counts the endpoints of another Service (`namespace/name`) too, which serves the same users with other pods. */
  addService(name: string): void {
    this.services.add(name);
  }

  /** Starts the account: `wanted` replicas are what users need. */
  begin(wanted: number): void {
    this.wanted = wanted;
    this.since = this.simulation.now;
    this.lowestReady = this.ready;
  }

  /** Replicas that users need, as given to `begin`. */
  get wantedReplicas(): number {
    return this.wanted;
  }

  /** Ready endpoints of the Service now. */
  get readyNow(): number {
    return this.ready;
  }

  private advance(): void {
    if (this.since === NEVER) return;
    const { now } = this.simulation;
    const elapsed = (now - this.since) / 1e9;
    this.since = now;
    if (this.pods > this.wanted) this.surgePodSeconds += (this.pods - this.wanted) * elapsed;
    if (this.ready < this.wanted) this.deficitPodSeconds += (this.wanted - this.ready) * elapsed;
  }

  /** A pod was stored. */
  podAdded(life: PodLife): void {
    if (!this.belongs(life)) return;
    this.advance();
    this.pods++;
    if (this.since !== NEVER) this.created++;
  }

  /** A pod has gone from the API. */
  podRemoved(life: PodLife): void {
    if (!this.belongs(life)) return;
    this.advance();
    this.pods--;
  }

  /** Ready endpoints of a Service rose by `change` (or fell). */
  endpointsChanged(service: string, change: number): void {
    if (!this.services.has(service)) return;
    this.advance();
    this.ready += change;
    if (this.since !== NEVER && this.ready < this.lowestReady) this.lowestReady = this.ready;
  }

  /** Brings the integrals up to now. */
  end(): void {
    this.advance();
  }

  /** Whether a pod is of a Deployment that is counted. */
  belongs(life: PodLife): boolean {
    // A Deployment's ReplicaSets are named after it with a hash of ten characters or less behind the last dash.
    const dash = life.replicaSet.lastIndexOf('-');
    return dash > 0 && this.deployments.has(life.replicaSet.slice(0, dash));
  }
}
