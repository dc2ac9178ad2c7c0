import { writeReport } from '../report/rebuild.js';
import { interruptible } from './interrupt.js';
import { VERSION } from '../version.js';
import { EXIT_OK, type Terminal } from './terminal.js';

/** `towtank report DIRECTORY…`: the page of finished runs, from their files alone. */
export async function report(directories: readonly string[], out: string | undefined, terminal: Terminal): Promise<number> {
  const note = (line: string): void => void terminal.stderr.write(`note: ${line}\n`);
  const path = await interruptible(() => writeReport(directories, VERSION, out, note));
  terminal.stdout.write(`${path}\n`);
  return EXIT_OK;
}
