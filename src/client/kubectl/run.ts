import { resourceInfo } from '../../api/resources.js';
import type { Connections } from '../../apiserver/connections.js';
import type { ApiRequest, ApiResponse, ContinueToken, ResponseReceiver } from '../../apiserver/request.js';
import type { Duration, Time } from '../../kernel/time.js';
import type { KubectlTarget, Scenario } from '../../scenario/types.js';
import type { CommandClients } from './command-clients.js';

/** The client of objects that a command names by type (cli-runtime resource.Builder). */
export const BUILDER = 'builder';
/** --chunk-size of get, delete and drain. */
export const CHUNK_SIZE = 500;

/** Where kubectl prints to. */
export interface KubectlOutput {
  /** `phase`: `kubectl` for what it prints, `error` for what makes it exit 1. */
  note(phase: string, message: string): void;
}

/** What the commands of one kubectl share. */
export interface KubectlHost {
  readonly now: Time;
  readonly connections: Connections;
  readonly host: number;
  readonly preferredServer: number;
  readonly kubernetesVersion: Scenario['kubernetesVersion'];
  /** Calls the run's `wake` with the argument after a while. */
  later(run: KubectlRun, delay: Duration, argument: number): void;
}

/** One kubectl command at work. */
export abstract class KubectlRun implements ResponseReceiver {
  /** Exit code; −1 while it runs. */
  exitCode = -1;
  protected readonly kubectl: KubectlHost;
  protected readonly output: KubectlOutput;
  /** Set before it starts. */
  clients!: CommandClients;

  constructor(kubectl: KubectlHost, output: KubectlOutput) {
    this.kubectl = kubectl;
    this.output = output;
  }

  abstract start(): void;
  abstract receive(tag: number, response: ApiResponse, request: ApiRequest): void;

  /** A time that was asked for with `later` has come. */
  wake(_argument: number): void {}

  /** `purpose`: which of the command's clients sends it. */
  protected send(request: ApiRequest, tag = 0, purpose = BUILDER): void {
    this.clients.of(purpose).request(request, this, tag);
  }

  protected get(target: KubectlTarget, tag = 0): void {
    this.send(objectRequest('get', target), tag);
  }

  protected print(message: string): void {
    this.output.note('kubectl', message);
  }

  /** Ends with success, saying something last. */
  protected finish(message = ''): void {
    if (message !== '') this.print(message);
    if (this.exitCode < 0) this.exitCode = 0;
  }

  /** Ends with exit code 1. */
  protected fail(message: string): void {
    this.output.note('error', message);
    this.exitCode = 1;
  }

  /** Ends with what the server answered, in kubectl's words. */
  protected refuse(response: ApiResponse): void {
    if (response.code === 0) this.fail('The connection to the server was refused - did you specify the right host or port?');
    else this.fail(serverError(response));
  }
}

/** A request for a target. */
export function objectRequest(verb: ApiRequest['verb'], { resource, object }: KubectlTarget, extra: Partial<ApiRequest> = {}): ApiRequest {
  return { verb, resource, namespace: object.namespace, name: object.name, ...extra };
}

/** A page of all objects of a kind: resourceVersion unset, limit=500 (cli-runtime resource/helper.go FollowContinue). */
export function pageRequest({ resource, object }: KubectlTarget, token: ContinueToken | undefined): ApiRequest {
  const page = token === undefined ? {} : { continue: token };
  return { verb: 'list', resource, namespace: object.namespace, name: '', source: 'consistent', limit: CHUNK_SIZE, ...page };
}

/** `deployment.apps/frontend`: how kubectl names an object that it has acted on. */
export function printedName({ resource, object }: KubectlTarget): string {
  const { kind, group } = resourceInfo(resource);
  return `${kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${object.name}`;
}

/** `Error from server (Forbidden): …`; a reason that the server does not know is left out. */
export function serverError({ reason, message, code }: ApiResponse, prefix = ''): string {
  const named = reason === undefined || reason === 'Unknown' ? '' : ` (${reason})`;
  return `Error from server${named}: ${prefix}${message ?? `code ${code}`}`;
}
