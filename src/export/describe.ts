import type { TableSpec } from '../metrics/recorder.js';
import { TABLES } from '../metrics/tables.js';

/** The documentation of all outputs as Markdown: what `docs/outputs.md` holds. */
export function describeOutputs(): string {
  return `${INTRODUCTION}${TABLES.map(describeTable).join('\n')}`;
}

function describeTable(table: TableSpec): string {
  const rows = table.columns.map(
    ({ name, type, unit, description }) => `| \`${name}\` | ${type} | ${unit} | ${description} |`,
  );
  return `### \`${table.name}\`

${table.description}
${table.source === undefined ? '' : `\nFrom: ${table.source}\n`}
| column | type | unit | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

const INTRODUCTION = `# Outputs

<!-- Generated from the table specifications in src/metrics; a test compares. -->

A run writes one directory, whole or not at all: an interrupted run, a full disk or a read-only folder leaves nothing behind,
and an earlier output of the same name stays until the new one is complete. Equal scenario, seed and version give equal bytes.

| file | what |
|---|---|
| \`summary.json\` | verdicts and measures of each run; its schema is [summary.schema.json](summary.schema.json) |
| \`report.html\` | the report: self-contained, works offline |
| \`*.csv\` | the tables below, one file each, RFC 4180 |
| \`*.parquet\` | the same tables for DuckDB, pandas, Polars, Spark; units and meanings are in the file's metadata |
| \`metrics.om\` | OpenMetrics under the real components' metric names, with simulated timestamps |
| \`event_trace.parquet\` | every event of the simulation, when the scenario asks for it (\`record: { eventTrace: true }\`) |
| \`trace.json\` | Chrome trace format: opens in Perfetto |
| \`kubelet.NODE.60s.json\` | what a kubelet served 60 s after the start, where the timeline asks for it (\`inspect\`); see [node.md](node.md) |
| \`inputs/\` | copies of all files that the scenario was read from, and how it was run: for \`towtank explain pod\`, and for later |

A comparison puts the name of the strategy in front: \`canary.pods.csv\`.

What is recorded is chosen under \`record:\` of the [scenario](scenario.md): tables by name (\`only\`, \`without\`), the sampling interval of
gauges and of scrapes, how many single API requests are followed, and the event trace. Verdicts and \`summary.json\` do not depend on it.

\`towtank report DIRECTORY\` makes \`report.html\` again from \`summary.json\` and the Parquet files alone; with several directories it
sets their runs side by side.

## Reading them

Times are simulated seconds since the start of the run. An empty CSV field and a Parquet null mean that something has not
happened in the run or does not apply.

DuckDB, over all strategies of a comparison at once:

\`\`\`sql
SELECT split_part(parse_filename(filename), '.', 1) AS strategy,
       count(*) AS pods,
       quantile_cont(ready - created, 0.99) AS p99_until_ready
FROM read_parquet('reports/strategies/*.pods.parquet', filename = true)
WHERE created >= 0
GROUP BY ALL;
\`\`\`

And over every event of a run (\`record: { eventTrace: true }\`), of which DuckDB reads only the columns it needs: who is busiest, and what
an event led to, from cause to effect:

\`\`\`sql
SELECT target, count(*) AS events, min(time) / 1e9 AS first, max(time) / 1e9 AS last
FROM 'reports/strategies/canary.event_trace.parquet'
GROUP BY target ORDER BY events DESC LIMIT 10;

WITH RECURSIVE effects AS (
  SELECT event, time, target, opcode, 0 AS depth FROM 'reports/strategies/canary.event_trace.parquet' WHERE event = 200000
  UNION ALL
  SELECT t.event, t.time, t.target, t.opcode, depth + 1
  FROM effects JOIN 'reports/strategies/canary.event_trace.parquet' t ON t.cause = effects.event
  WHERE depth < 5
)
SELECT * FROM effects ORDER BY event;
\`\`\`

A notebook with these queries and figures drawn from them: [notebook.ipynb](notebook.ipynb). It begins

\`\`\`python
import pandas as pd
requests = pd.read_parquet("reports/strategies/canary.requests_by_second.parquet")
requests.pivot_table(index="time", columns="version", values="requests", aggfunc="sum").plot.area()
\`\`\`

### Prometheus and Grafana

Load the metrics of a run, start Prometheus on the blocks, and look at the time range of the run (it starts at the scenario's
\`startTime\`, by default 2025-01-01 00:00 UTC):

\`\`\`sh
promtool tsdb create-blocks-from openmetrics reports/strategies/canary.metrics.om data/
echo '{}' > prometheus.yml
prometheus --config.file=prometheus.yml --storage.tsdb.path=data/ --storage.tsdb.retention.time=100y
\`\`\`

The names, labels and buckets are those of the real components (\`job="apiserver"\`, \`job="etcd"\`, \`job="kube-scheduler"\`, …), so
the community's dashboards work on it: those of [kubernetes-mixin](https://github.com/kubernetes-monitoring/kubernetes-mixin) (API
server, scheduler, controller manager) and of [etcd](https://github.com/etcd-io/etcd/tree/main/contrib/mixin). In Grafana:

1. Add the Prometheus above as a data source (\`http://localhost:9090\`).
2. Make the dashboards' JSON: \`jb init && jb install github.com/kubernetes-monitoring/kubernetes-mixin@master\`, then
   \`jsonnet -J vendor -m out -e '(import "kubernetes-mixin/mixin.libsonnet") { _config+:: { kubeApiserverSelector: "job=\\"apiserver\\"", kubeSchedulerSelector: "job=\\"kube-scheduler\\"" } }.grafanaDashboards'\`;
   or import by number from grafana.com (etcd: 3070).
3. towtank measures API requests as \`apiserver_request_duration_seconds\`; panels over the newer \`apiserver_request_sli_duration_seconds\` show
   something after \`sed -i 's/request_sli_duration/request_duration/g' out/*.json rules.yaml\`. Recording rules (\`cluster_quantile:…\`) are not in a
   loaded block: compute them with \`promtool tsdb create-blocks-from rules --start=1735689600 --end=1735689900 --url=http://localhost:9090 rules.yaml\`,
   where \`rules.yaml\` is the mixin's \`prometheusRules\` and the times are those of the run.
4. Set the dashboard's time range to the run's, for example 2025-01-01 00:00:00 to 00:05:00, without refresh. The default scrape interval
   is 15 s, so \`$__rate_interval\` of a minute or more gives lines; \`record: { scrape: 5s }\` gives finer ones.

A query to begin with: \`histogram_quantile(0.99, sum by (le, verb) (rate(apiserver_request_duration_seconds_bucket[1m])))\`.

### Perfetto

Open https://ui.perfetto.dev and drop \`trace.json\` on it; pods are tracks under their nodes, beside them
the rollout, the terms of the etcd members, the scheduler's cycles, and sampled API requests as arrows from client to server.

## Tables

`;
