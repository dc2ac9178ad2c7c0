import type { Simulation } from './simulation.js';
import type { Time } from './time.js';

/**
 * Where a run with generator processes stood. A generator's state cannot be copied, but a run is a function of its scenario and seed: it is
 * restored by building it again and handling as many events. The hash proves that it is the same run.
 */
export interface ReplayPoint {
  readonly time: Time;
  readonly events: number;
  readonly traceHash: string;
}

/** Remembers where a simulation stands. */
export function markReplayPoint(simulation: Simulation): ReplayPoint {
  return { time: simulation.now, events: simulation.events, traceHash: simulation.traceHash };
}

/** Builds the simulation again and runs it to the point; throws when it did not take the same way. */
export function replayTo(build: () => Simulation, point: ReplayPoint): Simulation {
  const simulation = build();
  const left = point.events - simulation.events;
  if (left > 0) simulation.run({ events: left });
  if (point.time > simulation.now) simulation.run(point.time);
  if (simulation.events !== point.events || simulation.traceHash !== point.traceHash) {
    throw new Error(
      `replay took another way: ${simulation.events} events with hash ${simulation.traceHash}, expected ${point.events} with ${point.traceHash}`,
    );
  }
  return simulation;
}
