import type { EventListName } from './event-list.js';
import type { Time } from './time.js';

/** How a simulation orders and hashes its events. */
export interface SimulationOptions {
  /** Which event list orders the events; all give the same order. Default `ladder`. */
  readonly eventList?: EventListName;
  /** Keep the running hash of all events. Default true. */
  readonly hash?: boolean;
  /** Runs the events of one instant and phase in an order permuted by this seed, to find accidental dependence on ties. */
  readonly shuffleTies?: number;
}

/** When `run` returns: at the first limit that is reached. */
export interface RunLimits {
  /** Handle no event after this time; the clock then stands here. */
  readonly time?: Time;
  /** Handle at most so many events. */
  readonly events?: number;
  /** Asked after each event; true ends the run. */
  readonly until?: () => boolean;
}
