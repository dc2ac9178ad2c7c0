export * from './distribution.js';
export { exp, log, pow } from './portable.js';
export * from './stream.js';
