#!/usr/bin/env node
import { limitHeapGrowth } from './heap.js';
import { runCommandLine } from './program.js';

limitHeapGrowth();
process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  interactive: process.stderr.isTTY === true,
});
