/** How the connection to a server is made. */
export interface Transport {
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** How a person can have any certificate accepted, for the hint: "use -k" when left out. */
  readonly insecurely?: string;
  /** Certificates, as PEM text, to trust in addition to those of the machine. */
  readonly trust?: string | undefined;
  /** Why additional certificates cannot be used, for the hint. */
  readonly trustFault?: string | undefined;
  /** The proxy to use where neither the command line nor the environment sets one. */
  readonly proxy?: string | undefined;
}

/** One request. The URL is sent byte for byte: normalising a pre-signed URL would break its signature. */
export interface HttpRequest extends Transport {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole exchange, from the lookup of the name to the end of the body. */
  readonly timeout: number;
  /** Only the status and the headers count: the body is read for a few seconds only. */
  readonly isStatusEnough?: boolean;
  /** Ends the exchange. */
  readonly abort?: AbortSignal | undefined;
  /** An answer with a larger body is an error. When left out, only the first 1 MiB is read. */
  readonly mostBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** All of the body, or its first 1 MiB where the request has no `mostBytes`. */
  readonly body: string;
  /**
   * The body is incomplete: the connection ended, the body was too large, or it did not arrive in time. With a status outside 2xx
   * the answer still counts; with 2xx this happens only where the status is enough.
   */
  readonly isCutShort?: boolean;
  /** Names the proxy where the answer may be that of the proxy itself. */
  readonly through?: string | undefined;
}

export interface DownloadRequest {
  readonly url: string;
  /** Called at each attempt, because a signature contains its time. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** Gets the body in pieces, in order. */
  readonly write: (chunk: Buffer) => void;
  /** Called before a new attempt: what was written so far must be dropped. */
  readonly restart: () => void;
  /** Called with each failure after which another attempt follows, and when that is. */
  readonly note?: (text: string) => void;
  /** Ends the download. */
  readonly abort?: AbortSignal | undefined;
  /** Called when a server redirects from https to http: whether to follow (`allow-http-redirects`). */
  readonly allowHttpRedirects: () => Promise<boolean>;
  /** How to connect to this URL, called at each redirect; with the settings of the machine when left out. */
  readonly transportTo?: ((url: string) => Promise<Transport>) | undefined;
}

/** The proxies of the command line; those of the environment are used where it sets none. */
export interface ProxyChoice {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
}

/** The one door to the network; door.ts opens it. An aborted exchange throws the reason of its abort. */
export interface Http {
  /**
   * One exchange without redirects or retries. Any status is a result.
   * @throws Problem when there was no answer (with a code CFN_SERVER_...) or the answer is too large
   */
  exchange(request: HttpRequest): Promise<HttpResponse>;
  /**
   * Downloads a file. Follows redirects, and tries again after a temporary failure. Each phase has a time limit.
   * @throws Problem unless the server sent the whole file with a status of 2xx
   */
  download(request: DownloadRequest): Promise<void>;
}
