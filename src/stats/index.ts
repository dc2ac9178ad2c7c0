/** Statistics that are streamed, mergeable in a fixed order, and exact where they can be. */
export * from './exact-sum.js';
export * from './log-histogram.js';
export * from './tally.js';
export * from './time-weighted.js';
