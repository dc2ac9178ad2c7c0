/** Statistics that are streamed, mergeable in a fixed order, and exact where they can be. */

export * from './batch-means.js';
export * from './exact-sum.js';
export * from './little.js';
export * from './log-histogram.js';
export * from './tally.js';
export * from './time-weighted.js';
