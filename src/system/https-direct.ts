/** Apart from http-direct, because loading TLS costs 10 ms of CPU that a plain signal need not pay. */
export { request } from 'node:https';
