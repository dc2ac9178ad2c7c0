#!/usr/bin/env -S node --max-semi-space-size=32 --min-semi-space-size=8
import { limitHeapGrowth } from './heap.js';
import { runCommandLine } from './program.js';
import { guardStreams } from './streams.js';

limitHeapGrowth();
const exitCode = guardStreams();
const code = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  interactive: process.stderr.isTTY === true,
});
process.exitCode = exitCode(code);
