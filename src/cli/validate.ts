import { validateFile } from '../scenario/index.js';
import { loadOptions } from './program.js';
import { EXIT_OK, type Terminal } from './terminal.js';

export interface ValidateFlags {
  readonly allowMissingPlugins?: boolean;
}

/** `towtank validate FILE…`: findings go to stdout; errors are thrown and end with exit code 2. */
export function validate(files: readonly string[], flags: ValidateFlags, terminal: Terminal): number {
  for (const file of files) {
    const findings = validateFile(file, loadOptions(flags));
    for (const finding of findings) {
      const where = finding.position === undefined ? file : finding.position;
      terminal.stdout.write(`${where}: ${finding.severity}: ${finding.message}\n`);
    }
    terminal.stdout.write(`${file}: ok${findings.length === 0 ? '' : `, ${findings.length} to know`}\n`);
  }
  return EXIT_OK;
}
