/** What became of a request; 0 is success. Order and names are those of outputs. */
export const CAUSES = [
  '',
  'no-endpoint',
  'connection-refused',
  'timeout',
  'overload',
  'application',
  'connection-reset',
  'node-unreachable',
  'circuit-open',
  'out-of-memory',
  'name-resolution',
  'no-route',
  'dependency',
  'not-in-environment',
  'mixed-version',
] as const;
export const SUCCESS = 0;
export const NO_ENDPOINT = 1;
export const CONNECTION_REFUSED = 2;
export const TIMEOUT = 3;
export const OVERLOAD = 4;
export const APPLICATION = 5;
export const CONNECTION_RESET = 6;
export const NODE_UNREACHABLE = 7;
/** Refused by the circuit breaker of the entry node. */
export const CIRCUIT_OPEN = 8;
/** Held by a pod whose process was killed at its memory limit. */
export const OUT_OF_MEMORY = 9;
/** The client's resolver found no address. */
export const NAME_RESOLUTION = 10;
/** No rule of an Ingress matches: 404. */
export const NO_ROUTE = 11;
/** A call to another Service that the request needs has failed. */
export const DEPENDENCY = 12;
/** The environment of the client has no address of the Service, or one that it no longer has. */
export const NOT_IN_ENVIRONMENT = 13;
/** The version that answered does not know what the client has from the other version. */
export const MIXED_VERSION = 14;
