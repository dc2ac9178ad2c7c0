import type { TableSpec } from './recorder.js';

/** Counters and gauges as the components export them, at each scrape. */
export const SCRAPES: TableSpec = {
  name: 'scrapes',
  description:
    'Counters and gauges of the control plane at each scrape, under the names and with the labels of the real components. Counters count since the start of the run, or of the process.',
  source: "The components' own counters and gauges, read at each scrape. In a real cluster: their /metrics.",
  columns: [
    { name: 'time', type: 'double', unit: 'seconds', description: 'Simulated time since the start of the run.' },
    { name: 'metric', type: 'string', unit: '', description: 'Name of the metric: etcd_server_is_leader, …' },
    {
      name: 'labels',
      type: 'string',
      unit: '',
      description: 'Labels as Prometheus writes them: instance="etcd-0",To="2".',
    },
    { name: 'value', type: 'double', unit: '', description: 'Value of the counter or gauge.' },
  ],
};

/** A counter or gauge of the real components. */
export interface ScalarFamily {
  /** As the component exports it: the name of a counter ends in `_total` where the component's does. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
}
