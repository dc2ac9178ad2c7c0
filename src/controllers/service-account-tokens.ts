import { encodeBase64 } from '../api/base64.js';
import type { Secret, ServiceAccount } from '../api/cluster-kinds.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Indexer, Informer, ResourceEventHandler } from '../client/types.js';
import { type Duration, MILLISECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler, StagedReconciliation, type Step } from './controller.js';

/** pkg/controller/serviceaccount/tokens_controller.go and its defaults: 5 workers, 10 retries. */
const WORKERS = 5;
const MAX_RETRIES = 10;
/** RemoveTokenBackoff. */
const REMOVE_STEPS = 10;
const REMOVE_PAUSE: Duration = 100 * MILLISECOND;
export const TOKEN_TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
/** Stand for the signed token and the certificate's text, of about their length. */
export const TOKEN = encodeBase64('eyJhbGciOiJSUzI1NiJ9.'.padEnd(900, '0'));
export const CERTIFICATE = encodeBase64('kube-root-ca'.padEnd(1107, '0'));

const BY_ACCOUNT = 'serviceAccount';
/** Keys of accounts and of Secrets that are gone begin so; no name of a Secret does. */
const ACCOUNT_KEY = 'account ';
const GONE_KEY = 'gone ';

class AccountIndexer implements Indexer<Secret> {
  readonly name = BY_ACCOUNT;
  valueOf(secret: Secret): string | undefined {
    return secret.type === TOKEN_TYPE ? accountKey(secret) : undefined;
  }
}

function accountKey({ metadata }: Secret): string {
  return `${metadata.namespace}/${accountName(metadata)}`;
}

function accountName({ annotations }: Secret['metadata']): string {
  return annotations?.[ACCOUNT_NAME] ?? '';
}

function accountUid({ annotations }: Secret['metadata']): string {
  return annotations?.[ACCOUNT_UID] ?? '';
}

/** The account of a token Secret: by name, and by uid if the Secret names one. */
export function isAccountOf(account: ServiceAccount | undefined, { metadata }: Secret): boolean {
  const uid = accountUid(metadata);
  return account !== undefined && account.metadata.name === accountName(metadata) && (uid === '' || uid === account.metadata.uid);
}

/** Whether a Secret has all that its pods look for (secretUpdateNeeded). */
function isFilled({ data }: Secret): boolean {
  return data?.['ca.crt'] === CERTIFICATE && (data['namespace'] ?? '') !== '' && (data['token'] ?? '') !== '';
}

/** A token Secret with what it lacks (generateTokenIfNeeded). */
export function filled(secret: Secret, account: ServiceAccount): Secret {
  const { name, uid } = account.metadata;
  const { data = {} } = secret;
  const namespace = (data['namespace'] ?? '') === '' ? encodeBase64(secret.metadata.namespace) : data['namespace']!;
  const token = (data['token'] ?? '') === '' ? TOKEN : data['token']!;
  const annotations = { ...secret.metadata.annotations, [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid };
  return { ...secret, metadata: { ...secret.metadata, annotations }, data: { ...data, 'ca.crt': CERTIFICATE, namespace, token } };
}

/**
 * Fills token Secrets that users make for a ServiceAccount, deletes those whose account is gone, and takes the names of Secrets that
 * are gone off their accounts. Tokens of pods are not its business: kubelets ask the API server for them (TokenRequest).
 */
export class ServiceAccountTokenController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly accounts: Informer<ServiceAccount>;
  readonly secrets: Informer<Secret>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.accounts = context.informers.informer<ServiceAccount>('serviceaccounts');
    this.secrets = context.informers.informer<Secret>('secrets');
    this.secrets.addIndexer(new AccountIndexer());
    this.workers = new ControllerWorkers(context, { name: 'serviceaccount-token', workers: WORKERS, client, maxRetries: MAX_RETRIES });
    this.accounts.addEventHandler(new AccountHandler(this));
    this.secrets.addEventHandler(new SecretHandler(this));
    this.workers.start(this, [this.accounts, this.secrets]);
  }

  reconcile(key: string): Reconciliation | null {
    if (key.startsWith(ACCOUNT_KEY)) return this.accountSync(key.slice(ACCOUNT_KEY.length));
    if (key.startsWith(GONE_KEY)) return this.goneSync(key.slice(GONE_KEY.length));
    const secret = this.secrets.get(key);
    return secret?.type === TOKEN_TYPE && accountName(secret.metadata) !== '' ? new TokenSync(this, secret) : null;
  }

  /** Tokens of an account that is gone (syncServiceAccount). */
  private accountSync(key: string): Reconciliation | null {
    const [name, uid] = key.split(' ') as [string, string];
    if (this.accounts.get(name)?.metadata.uid === uid) return null;
    const tokens: Secret[] = [];
    for (const secret of this.secrets.byIndex(BY_ACCOUNT, name)) {
      const own = accountUid(secret.metadata);
      if (own === '' || own === uid) tokens.push(secret);
    }
    return tokens.length === 0 ? null : new TokensDeletion(tokens);
  }

  private goneSync(key: string): Reconciliation | null {
    const [secret, account, uid] = key.split(' ') as [string, string, string];
    // Back by now, or the account is gone as well.
    if (this.secrets.get(secret) !== undefined) return null;
    const namespace = secret.slice(0, secret.indexOf('/'));
    const cached = this.accounts.get(`${namespace}/${account}`);
    if (cached === undefined || (uid !== '' && uid !== cached.metadata.uid)) return null;
    return new ReferenceRemoval(namespace, account, uid, secret.slice(namespace.length + 1));
  }

  secretSeen(secret: Secret): void {
    if (secret.type === TOKEN_TYPE) this.workers.queue.add(keyOf(secret));
  }

  secretGone(secret: Secret): void {
    const { metadata } = secret;
    if (secret.type !== TOKEN_TYPE || accountName(metadata) === '') return;
    this.workers.queue.add(`${GONE_KEY}${keyOf(secret)} ${accountName(metadata)} ${accountUid(metadata)}`);
  }

  accountGone(account: ServiceAccount): void {
    for (const _ of this.secrets.byIndex(BY_ACCOUNT, keyOf(account))) {
      this.workers.queue.add(`${ACCOUNT_KEY}${keyOf(account)} ${account.metadata.uid}`);
      return;
    }
  }
}

class AccountHandler implements ResourceEventHandler<ServiceAccount> {
  private readonly controller: ServiceAccountTokenController;

  constructor(controller: ServiceAccountTokenController) {
    this.controller = controller;
  }

  onAdd(): void {}

  onUpdate(): void {}

  onDelete(account: ServiceAccount): void {
    this.controller.accountGone(account);
  }
}

class SecretHandler implements ResourceEventHandler<Secret> {
  private readonly controller: ServiceAccountTokenController;

  constructor(controller: ServiceAccountTokenController) {
    this.controller = controller;
  }

  onAdd(secret: Secret): void {
    this.controller.secretSeen(secret);
  }

  onUpdate(_old: Secret, secret: Secret): void {
    this.controller.secretSeen(secret);
  }

  onDelete(secret: Secret): void {
    this.controller.secretGone(secret);
  }
}

function deletion(secret: Secret): ApiRequest {
  return objectRequest('delete', 'secrets', secret, { preconditions: { uid: secret.metadata.uid } });
}

/** Gone already, or another one by now: nothing to repeat. */
function isOver({ code }: ApiResponse): boolean {
  return code === 404 || code === 409;
}

/** Deletes the tokens of an account, one after the other (deleteTokens). */
class TokensDeletion extends Reconciliation {
  private readonly tokens: Secret[];

  constructor(tokens: readonly Secret[]) {
    super();
    this.tokens = [...tokens];
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    const [response] = responses;
    if (response !== undefined && !succeeded(response) && !isOver(response)) this.fail(response.message ?? 'request failed');
    const secret = this.tokens.shift();
    return secret === undefined ? null : [deletion(secret)];
  }
}

/** Takes the name of a Secret that is gone off its account (removeSecretReference). */
class ReferenceRemoval extends Reconciliation {
  private readonly namespace: string;
  private readonly account: string;
  private readonly uid: string;
  private readonly secret: string;
  private tries = 0;
  private read = false;

  constructor(namespace: string, account: string, uid: string, secret: string) {
    super();
    this.namespace = namespace;
    this.account = account;
    this.uid = uid;
    this.secret = secret;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    const [response] = responses;
    if (response === undefined) return this.get();
    if (this.read) return this.write(response);
    if (response.code !== 409 || ++this.tries >= REMOVE_STEPS) return null;
    this.pause = REMOVE_PAUSE;
    return this.get();
  }

  private get(): readonly ApiRequest[] {
    this.read = true;
    return [{ verb: 'get', resource: 'serviceaccounts', namespace: this.namespace, name: this.account }];
  }

  private write(response: ApiResponse): readonly ApiRequest[] | null {
    this.read = false;
    if (!succeeded(response)) return null;
    const account = response.object as ServiceAccount;
    const secrets = account.secrets?.filter(({ name }) => name !== this.secret);
    if ((this.uid !== '' && this.uid !== account.metadata.uid) || secrets?.length === account.secrets?.length) return null;
    return [objectRequest('update', 'serviceaccounts', account, { body: { ...account, secrets: secrets! } as ServiceAccount })];
  }
}

const ACCOUNT = 0;
const ACCOUNT_READ = 1;
const SECRET_READ = 2;
const WRITTEN = 3;

/** Looks after one token Secret (syncSecret). */
class TokenSync extends StagedReconciliation {
  private readonly controller: ServiceAccountTokenController;
  private readonly secret: Secret;
  private account: ServiceAccount | undefined = undefined;

  constructor(controller: ServiceAccountTokenController, secret: Secret) {
    super();
    this.controller = controller;
    this.secret = secret;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    const response = responses[0];
    switch (this.stage) {
      case ACCOUNT:
        return this.lookUp();
      case ACCOUNT_READ:
        if (!succeeded(response!) && response!.code !== 404) return this.fail(response!.message ?? 'request failed');
        this.account = response!.object as ServiceAccount | undefined;
        return this.decide();
      case SECRET_READ:
        return this.fill(response!);
      default:
        // Whoever wrote it meanwhile brings it back here.
        return succeeded(response!) || isOver(response!) ? null : this.fail(response!.message ?? 'request failed');
    }
  }

  /** The account in the cache, else as the API server has it. */
  private lookUp(): Step {
    const key = accountKey(this.secret);
    this.account = this.controller.accounts.get(key);
    if (isAccountOf(this.account, this.secret)) return this.decide();
    this.stage = ACCOUNT_READ;
    const { namespace } = this.secret.metadata;
    return [{ verb: 'get', resource: 'serviceaccounts', namespace, name: key.slice(namespace.length + 1) }];
  }

  private decide(): Step {
    const { secret } = this;
    if (!isAccountOf(this.account, secret)) {
      this.stage = WRITTEN;
      return [deletion(secret)];
    }
    if (isFilled(secret)) return null;
    this.stage = SECRET_READ;
    return [objectRequest('get', 'secrets', secret)];
  }

  private fill(response: ApiResponse): Step {
    if (response.code === 404) return null;
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    const live = response.object as Secret;
    // The cache is behind: the change that it lacks brings the Secret back here.
    if (live.metadata.resourceVersion !== this.secret.metadata.resourceVersion || isFilled(live)) return null;
    this.stage = WRITTEN;
    return [objectRequest('update', 'secrets', live, { body: filled(live, this.account!) })];
  }
}
