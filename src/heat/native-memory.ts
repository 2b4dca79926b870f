import type { KeystoneCredentials } from './keystone-credentials.ts';

/** What keystone gives for credentials. */
export interface Token {
  readonly text: string;
  /** On the clock of elapsed(): from then on it is not used any more. */
  readonly goodUntil: number;
  readonly projectId: string | undefined;
  readonly catalogue: readonly CatalogueEntry[];
}

export interface CatalogueEntry {
  readonly type: string;
  readonly interface: string;
  readonly region: string;
  readonly url: string;
}

/** What one process has learnt of keystone and of Heat's own API, for its next question (contract section 7.3). */
export interface NativeMemory {
  /** Undefined for the credentials of somebody else, or when its time is over. */
  token(credentials: KeystoneCredentials, elapsed: number): Token | undefined;
  keepToken(credentials: KeystoneCredentials, token: Token): void;
  /** It was refused. */
  forgetToken(): void;
  /** `NAME/ID` of stacks, by how the caller names them. */
  readonly stacks: Map<string, string>;
}

/** A memory without a token or a stack. */
export function createNativeMemory(): NativeMemory {
  const stacks = new Map<string, string>();
  let kept: { readonly of: string; readonly token: Token | undefined } | undefined;
  // A file with credentials may be written anew while a daemon runs.
  const keyOf = ({ authUrl, identity }: KeystoneCredentials): string => JSON.stringify([authUrl, identity]);
  return {
    token(credentials, elapsed) {
      const token = kept?.of === keyOf(credentials) ? kept.token : undefined;
      return token === undefined || elapsed >= token.goodUntil ? undefined : token;
    },
    keepToken(credentials, token) {
      const of = keyOf(credentials);
      // Somebody else's stack of that name is another one.
      if (kept !== undefined && kept.of !== of) stacks.clear();
      kept = { of, token };
    },
    forgetToken() {
      if (kept !== undefined) kept = { ...kept, token: undefined };
    },
    stacks,
  };
}
