import type { ApiRequest } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import { SYNC_PERIOD } from '../../controllers/horizontal-limits.js';
import { type Duration, MILLISECOND, type Time } from '../../kernel/time.js';
import type { Recording } from '../controllers-recording.js';
import type { Lateness } from './late-clients.js';

/**
 * The metrics API of a recording: it answered late, and the autoscaler looked 15 s after it had finished last, so that the delays
 * added up; which pods count as ready depends on the second. By number of the look: how much later than at multiples of 15 s.
 */
export type MetricsDelays = ReadonlyMap<number, Duration>;

/** End of the name of the autoscaler's user. */
export const AUTOSCALER = ':horizontal-pod-autoscaler';

/** From the answer of the metrics API to the autoscaler's status. */
const REST: Duration = 5 * MILLISECOND;

/** How late the recorded autoscaler wrote its status, by number of the look. */
export function metricsDelaysOf(recording: Recording): MetricsDelays {
  const delays = new Map<number, Duration>();
  let added: Time = -1;
  for (const { kind, type, time } of recording.changes) {
    if (kind !== 'HorizontalPodAutoscaler' || type === 'D') continue;
    if (added < 0) {
      added = time;
      continue;
    }
    const look = Math.round((time - added) / SYNC_PERIOD);
    if (look > 0 && !delays.has(look)) delays.set(look, Math.max(0, time - added - look * SYNC_PERIOD - REST));
  }
  return delays;
}

/** The metrics API answered as late as recorded. */
export class LateMetrics implements Lateness {
  private readonly delays: MetricsDelays;

  constructor(delays: MetricsDelays) {
    this.delays = delays;
  }

  /** Until the recorded time of this look; looks that left no trace were as late as the one before. */
  delayOf(user: string, { verb, resource }: ApiRequest, { simulation, informers }: ProcessContext): Duration {
    if (this.delays.size === 0 || !user.endsWith(AUTOSCALER) || verb !== 'list' || resource !== 'pods') return 0;
    for (const { metadata } of informers.informer('horizontalpodautoscalers').list()) {
      const since = simulation.now - metadata.creationTimestamp;
      const look = Math.round(since / SYNC_PERIOD);
      let late = this.delays.get(look);
      for (let before = look; late === undefined && before > 0; before--) late = this.delays.get(before);
      return Math.round(look * SYNC_PERIOD + (late ?? 0) - since);
    }
    return 0;
  }
}
