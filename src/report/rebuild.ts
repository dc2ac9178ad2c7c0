import { join } from 'node:path';
import { SUMMARY_VERSION } from '../analysis/result.js';
import { replaceFile } from '../export/output-directory.js';
import { joinResults, readOutputs } from '../export/read-outputs.js';
import { renderReport } from './html.js';

/**
 * Makes the report of one output directory again, or one report that sets several side by side, from `summary.json` and the Parquet
 * files alone; `note` hears of outputs of older versions. Throws OutputError when a directory is no output.
 */
export async function rebuildReport(paths: readonly string[], toolVersion: string, note: (line: string) => void = () => {}): Promise<string> {
  const outputs = [];
  for (const path of paths) {
    const output = await readOutputs(path);
    const { schemaVersion, toolVersion: by } = output.written;
    if (schemaVersion < SUMMARY_VERSION) {
      note(`${join(path, 'summary.json')} has schema version ${schemaVersion} (towtank ${by}), not ${SUMMARY_VERSION}: what it does not know is left empty`);
    }
    outputs.push({ path, ...output });
  }
  const hashes = new Set(outputs.map((output) => output.document.scenarioHash));
  const { document } = outputs[0]!;
  const meta = {
    title: document.question === '' ? document.scenario : document.question,
    toolVersion,
    ...(hashes.size === 1 ? { scenarioHash: document.scenarioHash } : {}),
  };
  return renderReport(joinResults(outputs), meta, outputs.length === 1 ? document.study : undefined);
}

/** Writes the report of one directory into it, or of several to `out`; returns the file's path. */
export async function writeReport(paths: readonly string[], toolVersion: string, out?: string, note?: (line: string) => void): Promise<string> {
  const page = await rebuildReport(paths, toolVersion, note);
  const file = out ?? join(paths[0]!, paths.length === 1 ? 'report.html' : 'comparison.html');
  replaceFile(file, page);
  return file;
}
