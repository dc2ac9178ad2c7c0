/** The discrete-event engine on its own: `import { Simulation } from 'towtank/kernel'`. */
export * from './amounts.js';
export * from './checkpoint.js';
export { EVENT_LISTS, type EventListName } from './event-list.js';
export * from './fifo.js';
export * from './lockstep.js';
export { Interrupt, type Process, type Suspension, type Waitable, type Waiter } from './process.js';
export * from './processor-sharing.js';
export * from './replay.js';
export * from './resources.js';
export * from './simulation.js';
export * from './slots.js';
export * from './time.js';
export * from './tracer.js';
export * from './waits.js';
