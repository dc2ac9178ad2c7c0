import type { CallMeter } from '../../apiserver/call.js';
import type { Connections } from '../../apiserver/connections.js';
import type { Simulation } from '../../kernel/simulation.js';
import { RestClient } from '../rest-client.js';
import type { ApiClient } from '../types.js';

/** rest.DefaultQPS and DefaultBurst: kubectl raises them for discovery only (50 and 300, pkg/cmd/cmd.go WithDiscoveryQPS). */
export const DEFAULT_QPS = 5;
export const DEFAULT_BURST = 10;

/** What the clients of a command have in common. */
export interface CommandClientOptions {
  readonly simulation: Simulation;
  readonly connections: Connections;
  readonly user: string;
  readonly groups: readonly string[];
  readonly host: number;
  readonly preferredServer: number;
  readonly meter: CallMeter | null;
}

/**
 * The REST clients of one command, each with client-go's default limits, because kubectl states none: one for all objects that are
 * named by type (`builder`), one for each object of a file (cli-runtime resource/mapper.go infoForData), one for each API group of
 * the clientset (`typed/GROUP`: without QPS in the configuration NewForConfig shares no limiter), and the dynamic one.
 */
export class CommandClients {
  private readonly options: CommandClientOptions;
  private readonly clients = new Map<string, RestClient>();

  constructor(options: CommandClientOptions) {
    this.options = options;
  }

  /** The client of a purpose. */
  of(purpose: string): ApiClient {
    let client = this.clients.get(purpose);
    if (client === undefined) {
      const { simulation, connections, user, groups, host, preferredServer, meter } = this.options;
      client = new RestClient(simulation, connections, user, host, preferredServer, DEFAULT_QPS, DEFAULT_BURST, meter);
      client.groups = groups;
      this.clients.set(purpose, client);
    }
    return client;
  }
}
