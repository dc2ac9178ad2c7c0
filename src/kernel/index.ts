/** The discrete-event engine on its own: `import { Simulation } from 'towtank/kernel'`. */
export * from './event-list.js';
export * from './simulation.js';
export * from './slots.js';
export * from './time.js';
