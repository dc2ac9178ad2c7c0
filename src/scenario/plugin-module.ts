import { createHash } from 'node:crypto';
import { Module, createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import * as pluginInterface from '../scheduler/index.js';
import type { PluginConstructor } from '../scheduler/profile.js';
import { registerPluginCode } from '../scheduler/user-plugins.js';
import { InputError } from './input-error.js';
import { readSource } from './source.js';
import type { UserPluginSpec } from './types.js';

/** Names under which a plugin imports what towtank offers it, wherever towtank is installed. */
const INTERFACE: ReadonlySet<string> = new Set(['towtank', 'towtank/scheduler']);
const NAME = /^[A-Za-z][A-Za-z0-9_.-]*$/;
const SCRIPT = /\.[cm]?[jt]s$/;
const HASH_DIGITS = 16;

/** The part of esbuild that is used, where it is installed. */
interface Bundler {
  buildSync(options: object): { readonly outputFiles: readonly { readonly text: string }[] };
}

/**
 * Reads a scheduler plugin of the user's own: a module in TypeScript or JavaScript whose default export is a class. Its code
 * becomes known to the scheduler. `complain` makes the error where the scenario names the file.
 */
export function readPlugin(
  name: string,
  file: string,
  folder: string,
  complain: (message: string) => InputError,
): UserPluginSpec {
  const path = resolve(folder, file);
  if (!NAME.test(name)) throw complain(`expected the name of a plugin such as OnlySsd, found "${name}"`);
  if (!SCRIPT.test(path)) throw complain(`plugin ${name}: expected a .ts, .js or .mjs file, found ${file}`);
  const text = readSource(path, complain).text();
  const source = `${file}#${createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS)}`;
  const code = defaultExport(load(name, path, complain));
  if (typeof code !== 'function') {
    throw complain(`plugin ${name}: ${file} has no class as its default export (export default class ${name} …)`);
  }
  registerPluginCode(source, code as PluginConstructor);
  return { name, source };
}

function defaultExport(exported: unknown): unknown {
  let value = exported;
  for (let i = 0; i < 2 && typeof value === 'object' && value !== null && 'default' in value; i++) value = value.default;
  return value;
}

/** Evaluates the module; its own errors are told without a stack trace. */
function load(name: string, path: string, complain: (message: string) => InputError): unknown {
  try {
    const bundler = findBundler(path);
    if (bundler !== undefined) return evaluate(path, bundle(bundler, path));
    if (/\.[cm]?ts$/.test(path) && !readsTypeScript()) {
      throw complain(
        `plugin ${name}: Node ${process.versions.node} reads no TypeScript; use Node 22.18 or later, install esbuild beside the plugin, or name its compiled .js file`,
      );
    }
    return withInterface(() => createRequire(path)(path) as unknown);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw complain(`plugin ${name} cannot be loaded: ${firstLine(error)}`);
  }
}

/** esbuild, from beside the plugin or from towtank's own packages; undefined when there is none. */
function findBundler(path: string): Bundler | undefined {
  for (const from of [path, fileURLToPath(import.meta.url)]) {
    try {
      return createRequire(from)('esbuild') as Bundler;
    } catch {
      // Not installed here.
    }
  }
  return undefined;
}

/** The module with what it imports by relative paths, as one CommonJS text. */
function bundle(bundler: Bundler, path: string): string {
  const { outputFiles } = bundler.buildSync({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    packages: 'external',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

function evaluate(path: string, text: string): unknown {
  const module = { exports: {} as unknown };
  const own = createRequire(path);
  const run = compileFunction(text, ['module', 'exports', 'require'], { filename: path }) as ModuleFunction;
  run(module, module.exports, (id) => (INTERFACE.has(id) ? pluginInterface : (own(id) as unknown)));
  return module.exports;
}

type ModuleFunction = (module: object, exports: unknown, require: (id: string) => unknown) => void;

/** Whether this Node strips types by itself. */
function readsTypeScript(): boolean {
  const { typescript } = process.features as { readonly typescript?: string | false };
  return typescript !== undefined && typescript !== false;
}

interface Hooks {
  registerHooks?(hooks: {
    resolve(specifier: string, context: object, next: (specifier: string, context: object) => object): object;
  }): { deregister(): void };
}

/** Runs an action during which towtank's own names lead to this very towtank. */
function withInterface<T>(action: () => T): T {
  const url = new URL('../scheduler/index.js', import.meta.url).href;
  const hooks = (Module as unknown as Hooks).registerHooks?.({
    resolve: (specifier, context, next) =>
      INTERFACE.has(specifier) ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
  });
  try {
    return action();
  } finally {
    hooks?.deregister();
  }
}

function firstLine(error: unknown): string {
  const { message } = error as { readonly message?: string };
  const text = message ?? String(error);
  // esbuild: "Build failed with 1 error:\nfile:3:4: ERROR: …" – the second line says what is wrong.
  const lines = text.split('\n');
  return (/^Build failed/.test(lines[0]!) ? lines[1] : lines[0]) ?? text;
}
