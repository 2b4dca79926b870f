/** How the connection to a server is made. */
export interface Transport {
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** How a person has it accept any certificate, for the hint: "use -k" when it is left out. */
  readonly insecurely?: string;
  /** Certificates, as PEM text, to trust besides the machine's. */
  readonly trust?: string | undefined;
  /** Certificates that were to be trusted besides and cannot be read, for the hint. */
  readonly trustFault?: string | undefined;
  /** The proxy to use where neither the command line nor the environment names one. */
  readonly proxy?: string | undefined;
}

/** One request. The URL goes out byte for byte: a pre-signed one would not survive a tidy-up. */
export interface HttpRequest extends Transport {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole exchange, from the lookup of the name to the end of the body. */
  readonly timeout: number;
  /** Only the status and the headers count: the body is read as far as it comes within a few seconds. */
  readonly isStatusEnough?: boolean;
  /** Ends the exchange. */
  readonly abort?: AbortSignal | undefined;
  /** An answer with a larger body is an error; when it is left out, the first 1 MiB is enough. */
  readonly mostBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** All of the body, or its first 1 MiB where the request has no `mostBytes`. */
  readonly body: string;
  /**
   * The body is only the beginning: it broke off, was too large or did not come in time. That makes no other answer of one
   * outside 2xx; within 2xx it happens only where the status is enough.
   */
  readonly isCutShort?: boolean;
  /** Names the proxy that the answer came from or through, where that cannot be known. */
  readonly through?: string | undefined;
}

export interface DownloadRequest {
  readonly url: string;
  /** Asked at each attempt: a signature carries its time. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** Gets the body piece by piece, in order. */
  readonly write: (chunk: Buffer) => void;
  /** Called before a new attempt: forget what was written. */
  readonly restart: () => void;
  /** Called with each failure that another attempt follows, and when that is. */
  readonly note?: (text: string) => void;
  /** Ends the download. */
  readonly abort?: AbortSignal | undefined;
  /** Asked when a server redirects from https to http: whether that is followed (`allow-http-redirects`). */
  readonly allowHttpRedirects: () => Promise<boolean>;
  /** How the connection to this URL is made, asked at each redirect; as the machine does it when left out. */
  readonly transportTo?: ((url: string) => Promise<Transport>) | undefined;
}

/** The proxies of the command line; the environment's are used where it names none. */
export interface ProxyChoice {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
}

/** The one door to the network. An aborted exchange throws the reason of its abort. */
export interface Http {
  /** One exchange without redirects or retries. Any status is a result. @throws Problem, with a code CFN_SERVER_ where there was no answer; when it is too large */
  exchange(request: HttpRequest): Promise<HttpResponse>;
  /** Fetches a file: redirects followed, tried again after a failure that may pass. Each phase has a time limit. @throws Problem unless the server sent all of it with a 2xx */
  download(request: DownloadRequest): Promise<void>;
}
