/**
 * The environment variables that Node and libuv read. The documented ones are in the manual page of Node, section ENVIRONMENT. The
 * others are passed between Node processes, or are for the development of Node.
 */
export const nodeVariables: readonly string[] = [
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_CLUSTER_SCHED_POLICY',
  'NODE_COMPILE_CACHE',
  'NODE_COMPILE_CACHE_PORTABLE',
  'NODE_DEBUG',
  'NODE_DEBUG_NATIVE',
  'NODE_DISABLE_COLORS',
  'NODE_DISABLE_COMPILE_CACHE',
  'NODE_EXTRA_CA_CERTS',
  'NODE_ICU_DATA',
  'NODE_INSPECT_RESUME_ON_START',
  'NODE_NO_READLINE',
  'NODE_NO_WARNINGS',
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_PENDING_DEPRECATION',
  'NODE_PENDING_PIPE_INSTANCES',
  'NODE_PRESERVE_SYMLINKS',
  'NODE_PRESERVE_SYMLINKS_MAIN',
  'NODE_REDIRECT_WARNINGS',
  'NODE_REPL_EXTERNAL_MODULE',
  'NODE_REPL_HISTORY',
  'NODE_REPL_HISTORY_SIZE',
  'NODE_REPL_MODE',
  'NODE_SKIP_PLATFORM_CHECK',
  'NODE_TEST_CONTEXT',
  'NODE_TEST_WORKER_ID',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_UNIQUE_ID',
  'NODE_USE_ENV_PROXY',
  'NODE_USE_SYSTEM_CA',
  'NODE_V8_COVERAGE',
  'UV_THREADPOOL_SIZE',
  'UV_USE_IO_URING',
  'WATCH_REPORT_DEPENDENCIES',
];

/** A name in a table in C, or in the source or the compiled code of the JavaScript of Node. */
const NAME = new RegExp(`(?<![\\w$])(?:${nodeVariables.join('|')})(?!\\w)`, 'g');
/** Variables that a caller may have set for its own Node, read by the JavaScript of Node. */
const READ = /\bprocess\.env\.((?:NODE|UV)_\w+)/g;
/** The new first character: the name is still an identifier of JavaScript, and no shell can set it. */
const MARK = '$'.charCodeAt(0);

/**
 * Makes Node read its variables by names that nobody sets: `$ODE_OPTIONS`, `$V_THREADPOOL_SIZE`. The original variables are meant for
 * another Node and must not affect us. They stay in the environment, so that other Node, for example a command of the metadata, still
 * gets them. Node has no option for this, except for NODE_OPTIONS. It reads some variables before any JavaScript runs, so they cannot
 * be removed at our start.
 * @param node the executable, changed in place; nothing moves
 * @throws Error when Node has changed: it no longer reads one of them, or it reads a new one
 */
export function renameNodeVariables(node: Buffer): void {
  const missing = new Set(nodeVariables);
  for (const { 0: name, index } of node.toString('latin1').matchAll(NAME)) {
    node[index] = MARK;
    missing.delete(name);
  }
  const unknown = new Set([...node.toString('latin1').matchAll(READ)].map(([, name]) => name));
  if (missing.size > 0)
    throw new Error(`Node no longer reads ${[...missing].join(', ')}: update the list of variables`);
  if (unknown.size > 0) throw new Error(`Node now reads ${[...unknown].join(', ')}: add it to the list of variables`);
}
