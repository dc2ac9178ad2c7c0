import { Piscina } from 'piscina';
import { sequentialProgress } from '../analysis/sequential.js';
import { PRECISION_MEASURES } from '../analysis/measures.js';
import type { Journal } from './journal.js';
import { type Replication, type ReplicationPlan, replicationSeed } from './replication.js';

/** Heap of a worker thread, in MiB: a run of 5,000 nodes fits; Node's default depends on the machine. */
const WORKER_HEAP = 4096;

/** How many replications, and on what. */
export interface ReplicationRequest {
  readonly plan: ReplicationPlan;
  /** The scenario's seed. */
  readonly seed: string;
  /** Replications to make; with a precision the most that are made. */
  readonly count: number;
  /**
   * Relative half width of the 95 % interval at which the replications end, for every measure of PRECISION_MEASURES and every run;
   * undefined: exactly `count` replications.
   */
  readonly precision?: number;
  /** Worker threads. */
  readonly workers: number;
}

/** What the caller hears while the replications run. */
export interface ReplicationListener {
  /** `done` replications of at most `count` are finished. */
  progress(done: number): void;
  /** Whether to end early: then `Stopped` is thrown, and the journal keeps what is finished. */
  readonly stopped: boolean;
}

/** The replications were ended from outside. */
export class Stopped extends Error {
  readonly finished: number;

  constructor(finished: number) {
    super(`stopped after ${finished} replications`);
    this.finished = finished;
  }
}

/**
 * Replications on local worker threads, merged in order of their index: the outcome is the same for any number of workers. The first
 * is made by the caller, who wants its tables. With a precision, the outcome is the shortest sequence of replications that reaches it;
 * later ones that a worker had begun are dropped.
 */
export async function runReplications(
  request: ReplicationRequest,
  first: Promise<Replication>,
  journal: Journal,
  listener: ReplicationListener,
): Promise<Replication[]> {
  const finished = journal.read();
  const { plan, seed, count, precision, workers } = request;
  const pool = new Piscina({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: workers,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP },
  });
  let next = 1;
  let enough: number | undefined;
  const keep = (replication: Replication): void => {
    if (!finished.has(replication.index)) journal.append(replication);
    finished.set(replication.index, replication);
    enough ??= precision === undefined ? undefined : firstEnough(finished, precision, count);
    listener.progress(finished.size);
  };
  /** One lane takes the next index whenever it is free. */
  const lane = async (): Promise<void> => {
    while (next < count && enough === undefined && !listener.stopped) {
      const index = next++;
      if (finished.has(index)) continue;
      const task = { ...plan, index, seed: replicationSeed(seed, index) };
      keep((await pool.run(task)) as Replication);
    }
  };
  try {
    const lanes = Array.from({ length: workers }, lane);
    await Promise.all([first.then(keep), ...lanes]);
  } catch (error) {
    if (listener.stopped) throw new Stopped(finished.size);
    throw error;
  } finally {
    await pool.destroy();
  }
  if (listener.stopped) throw new Stopped(finished.size);
  return Array.from({ length: enough ?? count }, (_, i) => finished.get(i)!);
}

/** Length of the shortest leading sequence that reaches the precision; undefined when none does yet. */
function firstEnough(finished: ReadonlyMap<number, Replication>, precision: number, count: number): number | undefined {
  const leading: Replication[] = [];
  for (let i = 0; i < count && finished.has(i); i++) {
    leading.push(finished.get(i)!);
    if (precise(leading, precision)) return leading.length;
  }
  return undefined;
}

/** Every run's measures are known to the precision; a measure that a run does not give cannot be waited for. */
function precise(replications: readonly Replication[], precision: number): boolean {
  return replications[0]!.runs.every((_, run) =>
    PRECISION_MEASURES.every((measure) => {
      const values = replications.map(({ runs }) => measure.value(runs[run]!.summary.metrics));
      return values.includes(null) || sequentialProgress(values as number[], precision).done;
    }),
  );
}
