import type { Time } from '../../kernel/time.js';

/** When containers of the application were restarted, by version: what `kube_pod_container_status_restarts_total` shows to a monitoring system. */
export class RestartLog {
  private readonly times = new Map<string, Time[]>();

  /** Containers of one pod were restarted `count` times more. Instants never go back. */
  add(version: string, time: Time, count: number): void {
    let times = this.times.get(version);
    if (times === undefined) this.times.set(version, (times = []));
    for (let i = 0; i < count; i++) times.push(time);
  }

  /** Restarts in (from, to], of one version or of all. */
  count(from: Time, to: Time, version?: string): number {
    let count = 0;
    for (const [name, times] of this.times) {
      if (version !== undefined && name !== version) continue;
      for (let i = times.length - 1; i >= 0 && times[i]! > from; i--) if (times[i]! <= to) count++;
    }
    return count;
  }
}
