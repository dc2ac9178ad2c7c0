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

A notebook:

\`\`\`python
import pandas as pd
requests = pd.read_parquet("reports/strategies/canary.requests_by_second.parquet")
requests.pivot_table(index="time", columns="version", values="requests", aggfunc="sum").plot.area()
\`\`\`

Prometheus and Grafana: load the metrics of a run, start Prometheus on the blocks, and point existing dashboards at it with
the time range of the run (it starts at the scenario's \`startTime\`, by default 2025-01-01 00:00 UTC):

\`\`\`sh
promtool tsdb create-blocks-from openmetrics reports/strategies/canary.metrics.om data/
prometheus --storage.tsdb.path=data/ --storage.tsdb.retention.time=100y --config.file=/dev/null
\`\`\`

Perfetto: open https://ui.perfetto.dev and drop \`trace.json\` on it; pods are tracks under their nodes, beside them
the rollout, the terms of the etcd members, the scheduler's cycles, and sampled API requests as arrows from client to server.

## Tables

`;
