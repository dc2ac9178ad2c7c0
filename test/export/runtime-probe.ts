import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { toChromeTrace } from '../../src/export/chrome-trace.js';
import { tableToCsv } from '../../src/export/csv.js';
import { toOpenMetrics } from '../../src/export/openmetrics.js';
import { tableToParquet } from '../../src/export/parquet.js';
import { summaryDocument, toJson } from '../../src/export/summary.js';
import { mainScenario, run } from '../cluster/scenario.js';

/** One line with a hash over the files of a small run, by format: equal lines mean equal bytes. For `npm run test:runtimes`. */
export function outputsProbe(): string {
  const scenario = mainScenario(120);
  const result = run({ ...scenario, cluster: { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, 40) } }, 'canary');
  const hash = (parts: Iterable<string | Uint8Array>): string => {
    const digest = createHash('sha256');
    for (const part of parts) digest.update(part);
    return digest.digest('hex').slice(0, 16);
  };
  const { tables } = result;
  const formats = {
    csv: hash(tables.flatMap((table) => [...tableToCsv(table)])),
    parquet: hash(tables.map(tableToParquet)),
    openmetrics: hash(toOpenMetrics(result)),
    trace: hash(toChromeTrace(result)),
    summary: hash([toJson(summaryDocument([result], { toolVersion: '0', scenarioHash: '' }))]),
  };
  return `towtank outputs ${Object.entries(formats)
    .map(([name, value]) => `${name} ${value}`)
    .join(' ')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(outputsProbe());
