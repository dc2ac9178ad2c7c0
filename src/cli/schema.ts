import { scenarioJsonSchema } from '../scenario/index.js';
import { EXIT_OK, type Terminal } from './terminal.js';

/** `towtank schema`: the JSON Schema of scenario files. */
export function schema(terminal: Terminal): number {
  terminal.stdout.write(`${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
  return EXIT_OK;
}
